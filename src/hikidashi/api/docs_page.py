"""One self-contained HTML page of documentation, made from the OpenAPI document."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

STYLE = """
:root{color-scheme:light dark;--ink:#1d2430;--dim:#5d6778;--line:#dfe3ea;--page:#fff;--soft:#f5f7fa;
--link:#0b5cad;--get:#0a7d45;--post:#9a5b00;--put:#0b5cad;--delete:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--dim:#9aa5b5;--line:#313a47;--page:#14181e;
--soft:#1c222b;--link:#7db7f5;--get:#5fd39a;--post:#e8b35a;--put:#7db7f5;--delete:#f2877e}}
*{box-sizing:border-box}
body{margin:0;font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--page)}
a{color:var(--link)}
.page{display:grid;grid-template-columns:19rem minmax(0,1fr);max-width:78rem;margin:0 auto}
nav{position:sticky;top:0;align-self:start;max-height:100vh;overflow:auto;padding:1.5rem 1rem;
border-right:1px solid var(--line);font-size:.875rem}
nav h2{font-size:.8rem;margin:1.2rem 0 .3rem;color:var(--dim)}
nav ul{list-style:none;margin:0;padding:0}
nav li a{display:block;padding:.12rem 0;text-decoration:none;overflow-wrap:anywhere}
main{padding:1.5rem 2rem 6rem}
h1{font-size:1.7rem;margin:0 0 .5rem}
h2{margin:3rem 0 0;padding-bottom:.3rem;border-bottom:1px solid var(--line)}
h3{margin:2rem 0 .2rem;font-size:1.05rem}
article{padding-top:.4rem}
.path{font-family:ui-monospace,monospace;font-size:.9rem;overflow-wrap:anywhere}
.method{font-weight:700;margin-right:.4rem}
.get{color:var(--get)}.post{color:var(--post)}.put,.patch{color:var(--put)}
.delete{color:var(--delete)}
p{margin:.4rem 0 .8rem;max-width:46rem}
.dim{color:var(--dim);font-size:.9rem}
pre{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:.7rem .9rem;
overflow:auto;font-size:.84rem;line-height:1.45}
code{font-family:ui-monospace,monospace;font-size:.92em}
table{border-collapse:collapse;width:100%;font-size:.9rem;margin:.4rem 0 1rem}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;
border-bottom:1px solid var(--line)}
th{color:var(--dim);font-weight:600}
td:first-child{white-space:nowrap}
details{margin:.4rem 0}
summary{cursor:pointer;color:var(--dim);font-size:.9rem}
@media(max-width:52rem){.page{display:block}nav{position:static;max-height:none;border:0}
main{padding:1rem}}
"""
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_AUTH_WORDS = {
    "token": "Needs <code>Authorization: Bearer …</code>",
    "customauth": "Needs a project key, as <code>customauth: …</code> or as"
    " <code>Authorization: …</code> without a scheme",
}
_FORM = "multipart/form-data"
_AUTH_CURL = {"token": '-H "Authorization: Bearer $TOKEN"', "customauth": '-H "customauth: $KEY"'}
_TABLE = "<table><tr><th>key</th><th>type</th><th></th></tr>{rows}</table>"
_SAMPLE_LEVELS = 4  # how deep a sample shows structs inside structs


def page(title: str, body: str) -> str:
    """A whole HTML page around a body."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{body}</body></html>\n"
    )


def front_page(version: str) -> str:
    """The short page at `/`."""
    return page(
        "Hikidashi",
        f"""<main><h1>Hikidashi {escape(version)}</h1>
<p>A data backend: workspaces hold applications, applications hold datastores, datastores hold typed
items; people and programs change items through actions.</p>
<ul>
<li><a href="/docs">/docs</a>: every call, on one page</li>
<li><a href="/openapi.json">/openapi.json</a>: the same for programs</li>
<li><a href="/healthz">/healthz</a>: the process answers</li>
<li><a href="/readyz">/readyz</a>: the database answers too</li>
<li><a href="/metrics">/metrics</a>: numbers for Prometheus</li>
</ul></main>""",
    )


def docs_page(document: Mapping[str, Any]) -> str:
    """The page at `/docs`."""
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append((method, path, operation))
    schemas = document["components"]["schemas"]
    navigation = "".join(_navigation(name, calls) for name, calls in sorted(groups.items()))
    articles = "".join(
        f'<h2 id="{_anchor(name)}">{escape(name)}</h2>'
        + "".join(_article(one, schemas) for one in calls)
        for name, calls in sorted(groups.items())
    )
    return page(
        "Hikidashi: calls",
        f'<div class="page"><nav><a href="/">Hikidashi</a>{navigation}</nav>'
        f"<main>{_opening(document)}{articles}</main></div>",
    )


def _opening(document: Mapping[str, Any]) -> str:
    info = document["info"]
    return f"""<h1>{escape(info["title"])} {escape(info["version"])}</h1>
<p>{escape(info["description"])}</p>
<p>Every position of a path takes a display id or an internal id. Log in once, then send the token
with each call:</p>
<pre>TOKEN=$(curl -s $BASE/api/v0/login -H 'Content-Type: application/json' \\
  -d '{{"email":"…","password":"…"}}' | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')
curl -s $BASE/api/v0/userinfo -H "Authorization: Bearer $TOKEN"</pre>
<p class="dim">An answer bears <code>X-Request-Id</code>; name it when you report a fault. The same
document for programs: <a href="/openapi.json">/openapi.json</a>.</p>"""


def _navigation(name: str, calls: list[tuple[str, str, dict[str, Any]]]) -> str:
    entries = "".join(
        f'<li><a href="#{_anchor(operation["operationId"])}">'
        f"{escape(operation['operationId'])}</a></li>"
        for _, _, operation in calls
    )
    return f'<h2><a href="#{_anchor(name)}">{escape(name)}</a></h2><ul>{entries}</ul>'


def _article(call: tuple[str, str, dict[str, Any]], schemas: Mapping[str, Any]) -> str:
    method, path, operation = call
    name = operation["operationId"]
    auth = next(iter(operation["security"][0]), "") if operation["security"] else ""
    body = _content(operation.get("requestBody"))
    answer = _content(operation["responses"]["200"])
    parts = [
        f'<article><h3 id="{_anchor(name)}">{escape(name)}</h3>',
        f'<div class="path">{_method(method)}{escape(path)}</div>',
        f"<p>{_words(operation['summary'])}</p>",
        f'<p class="dim">{_AUTH_WORDS.get(auth, "Needs no token")}.</p>',
        f"<details><summary>curl</summary><pre>{escape(_curl(call, auth, schemas))}</pre></details>",
    ]
    query = [one for one in operation["parameters"] if one["in"] == "query"]
    if query:
        parts.append(f"<p><strong>Query</strong></p>{_query_table(query)}")
    if body:
        parts.append(f"<p><strong>Body</strong></p>{_table(body, schemas, is_body=True)}")
    if answer:
        parts.append(
            f"<details><summary>Answer</summary>{_table(answer, schemas, is_body=False)}</details>"
        )
    return "".join(parts) + "</article>"


def _method(method: str) -> str:
    return f'<span class="method {method}">{method.upper()}</span>'


def _curl(call: tuple[str, str, dict[str, Any]], auth: str, schemas: Mapping[str, Any]) -> str:
    method, path, operation = call
    lines = [f"curl -X {method.upper()} $BASE{path}"]
    if auth:
        lines.append(_AUTH_CURL[auth])
    body = _content(operation.get("requestBody"))
    if body and _FORM in operation["requestBody"]["content"]:
        names = _open(body, schemas)["properties"]
        lines += [f"-F '{one}={'@photo.png' if one == 'file' else '…'}'" for one in names]
    elif body:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d '{_sample(body, schemas, _SAMPLE_LEVELS)}'")
    return " \\\n  ".join(lines)


def _content(part: Mapping[str, Any] | None) -> Mapping[str, Any]:
    content = (part or {}).get("content", {})
    found = content.get("application/json") or content.get(_FORM) or {}
    return found.get("schema") or {}


# --- schemas ----------------------------------------------------------------------------------


def _open(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema that a reference names, else the schema itself."""
    ref = schema.get("$ref")
    return schemas[ref.rpartition("/")[2]] if ref else schema


def _type_words(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """A schema in a few words; null is not told, for it means the same as leaving a key out."""
    if "$ref" in schema:
        opened = _open(schema, schemas)
        return "object" if "properties" in opened else _type_words(opened, schemas)
    if "anyOf" in schema:
        words = dict.fromkeys(_type_words(one, schemas) for one in schema["anyOf"])
        return " or ".join(one for one in words if one != "null")
    if "enum" in schema:
        return " or ".join(f"{one!r}" for one in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array" and schema.get("items"):
        return f"array of {_type_words(schema['items'], schemas)}"
    if kind == "object" and schema.get("additionalProperties"):
        return f"object of {_type_words(schema['additionalProperties'], schemas)}"
    return str(kind)


def _table(schema: Mapping[str, Any], schemas: Mapping[str, Any], *, is_body: bool) -> str:
    """The keys of an object, one a row; nested ones by their dotted names."""
    marks = (lambda mark: mark) if is_body else (lambda _: "")  # an answer asks nothing of anyone
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{marks(mark)}{words}</td></tr>"
        for name, kind, mark, words in _rows(schema, schemas, "", ())
    )
    if not rows:
        return f'<p class="dim">{escape(_type_words(schema, schemas))}</p>'
    return _TABLE.format(rows=rows)


def _query_table(parameters: list[dict[str, Any]]) -> str:
    """The keys of a query string; none has to be there."""
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{one['schema']['type']}</td>"
        f"<td>{_words(one['description'])}</td></tr>"
        for one in parameters
    )
    return _TABLE.format(rows=rows)


def _rows(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], prefix: str, above: tuple[str, ...]
) -> Iterator[tuple[str, str, str, str]]:
    """Name, type, mark and words of each key; a schema inside itself (`above`) is told once."""
    ref = schema.get("$ref", "")
    if ref in above:
        return
    above = (*above, ref) if ref else above
    opened = _open(schema, schemas)
    for one in opened.get("anyOf", ()):
        yield from _rows(one, schemas, prefix, above)
    if opened.get("items"):
        yield from _rows(opened["items"], schemas, f"{prefix}[]", above)
    if isinstance(opened.get("additionalProperties"), dict):
        yield from _rows(opened["additionalProperties"], schemas, f"{prefix}.*", above)
    for name, one in opened.get("properties", {}).items():
        dotted = f"{prefix}.{name}" if prefix else name
        words = _words(one.get("description", ""))
        yield dotted, _type_words(one, schemas), _mark(name, one, opened), words
        yield from _rows(one, schemas, dotted, above)


def _mark(name: str, schema: Mapping[str, Any], holder: Mapping[str, Any]) -> str:
    """Whether a key has to be there, and what it is otherwise."""
    if name in holder.get("required", ()):
        return "<strong>required</strong>. "
    if schema.get("default") in (None, "", [], {}):
        return ""
    return f"default <code>{escape(json.dumps(schema['default']))}</code>. "


def _sample(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> str:
    """A body with the required keys of a schema, or with its first if none is."""
    opened = _open(schema, schemas)
    properties = opened.get("properties", {})
    wanted = [one for one in properties if one in opened.get("required", ())]
    if not wanted:
        wanted = list(properties)[:1]
    parts = [f'"{one}": {_value(properties[one], schemas, depth - 1)}' for one in wanted]
    return "{" + ", ".join(parts) + "}"


def _value(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> str:
    opened = _open(schema.get("anyOf", [schema])[0], schemas)
    kind = opened.get("type")
    if kind == "object":
        return _sample(opened, schemas, depth) if depth and opened.get("properties") else "{…}"
    known = {"array": "[…]", "integer": "1", "number": "1", "boolean": "true", "string": '"…"'}
    return known.get(str(kind), "…")


def _words(text: str) -> str:
    """A sentence of ours: escaped, with `code` marked."""
    parts = escape(text, quote=False).split("`")
    return "".join(f"<code>{one}</code>" if at % 2 else one for at, one in enumerate(parts))


def _anchor(name: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in name)
