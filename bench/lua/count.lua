-- As load.lua, but sends a given number of requests and ends when the last is answered, so that
-- nothing is under way when it stops. The fourth argument is the number; one thread only.

require "load"

local quota, given = 0, 0
local prepare, receive = init, response

function init(args)
  prepare(args)
  quota = tonumber(args[4])
end

function delay()
  if given >= quota then
    return 3600000
  end
  given = given + 1
  return 0
end

function response(status, headers, body)
  receive(status, headers, body)
  if answered >= quota then
    wrk.thread:stop()
    io.write("complete\n") -- wrk itself sleeps on; whoever started it ends it on this line
    io.flush()
  end
end
