"""Scripts of users, run where they can do no harm: see docs/scripts.md.

The server side is `pool`, `link`, `gate` and `spawning`; `zygote`, `worker`, `confine`, `selftest`
and the JavaScript files run in processes of their own, with `frames` between the two.
"""
