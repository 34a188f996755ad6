"""A shop whose actions have scripts: one action for each thing that a script may do."""

from __future__ import annotations

import json
from typing import Any

ASYNC = "(async function (data) { return new Promise((resolve, reject) => { %s }) })"

PRE = {
    "Plain": "",
    "Tell": "function main(data) { logger.info('judging', data.item.name); return { seen: data.item, old: data.old_item } }",
    "Change": "function main(data) { return { item: { name: data.item.name + '!', amount: 7 } } }",
    "ChangeById": "function main(data) { return { item: { [data.fields_data.name.f_id]: 'by id' } } }",
    "Spoil": "function main() { return { item: { amount: 'many' } } }",
    "Unknown": "function main() { return { item: { nowhere: 1 } } }",
    "Forbidden": "function main() { return { item: { fixed: 'x' } } }",
    "Reject": ASYNC % "reject({ result: '', error: '在庫がありません' })",
    "RejectText": ASYNC % "reject('no')",
    "Throw": "function main() {\n  throw new Error('broken')\n}",
    "Broken": "function main() {\n  let = ;\n}",
    "Loop": "function main() { for (;;); }",
    "Params": "function main(data) { return data.as_params }",
    "Whole": "function main(data) { return { data } }",
    "Read": "async function main(data) { const found = await callAPIAsync('POST', 'api/v0/applications/SHOP/datastores/ORDERS/items/search', { per_page: 0, page: 1, use_display_id: true }); return found.totalItems }",
    "Missing": "async function main() { try { await callAPIAsync('GET', 'api/v0/applications/SHOP/datastores/NONE/fields') } catch (e) { return e } }",
    "Touch": "async function main(data) { const made = await callAPIAsync('POST', 'api/v0/applications/SHOP/datastores/NOTES/items/new', { item: { text: data.item.name } }); return made.item_id }",
    "TouchDeep": "async function main(data) { return callAPIAsync('POST', 'api/v0/applications/SHOP/functions/touch', data.item.name) }",
    "Again": "async function main(data) { return callAPIAsync('POST', 'api/v0/applications/SHOP/datastores/ORDERS/items/edit/' + data.i_id, { item: { amount: 1 }, action_id: 'Again', is_force_update: true }) }",
    "Meddle": "async function main(data) { await callAPIAsync('POST', 'api/v0/applications/SHOP/datastores/ORDERS/items/edit/' + data.i_id, { item: { amount: data.rev_no }, action_id: 'Plain', is_force_update: true }); return 1 }",
    "MeddleOnce": "async function main(data) { if (data.rev_no === 1) await callAPIAsync('POST', 'api/v0/applications/SHOP/datastores/ORDERS/items/edit/' + data.i_id, { item: { amount: 5 }, action_id: 'Plain', is_force_update: true }); return data.rev_no }",
    "Each": "function main(data) { if (data.item.name === 'no') throw new Error('not this one'); return { item: { name: data.item.name + '!' } } }",
    "Token": "function main() { return '{HEXA_API_TOKEN}' }",
}
POST = {
    "After": ("function main(data) { return { rev: data.rev_no, history: data.history_id, name: data.item.name } }", True),
    "AfterThrows": ("function main() { throw new Error('late') }", True),
    "Later": ("async function main(data) { await callAPIAsync('POST', 'api/v0/applications/SHOP/datastores/NOTES/items/new', { item: { text: ['later', data.item.name, data.rev_no, data.as_params, data.action_id].join(' ') } }) }", False),
    "LaterThrows": ("function main() { logger.warn('so'); throw new Error('late') }", False),
    "LaterAgain": ("async function main(data) { await callAPIAsync('POST', 'api/v0/applications/SHOP/datastores/ORDERS/items/edit/' + data.i_id, { item: { amount: data.rev_no }, action_id: 'LaterAgain', is_force_update: true }) }", False),
    "AfterNotes": ("async function main(data) { await callAPIAsync('POST', 'api/v0/applications/SHOP/datastores/NOTES/items/new', { item: { text: 'after ' + data.item.name } }) }", True),
}  # fmt: skip


def _action(name: str, operation: str, pre: str = "", post: str = "", **more: Any) -> str:
    keys = {"display_id": name, "name": name, "operation": operation, **more}
    if pre:
        keys["pre_script"] = pre
    if post:
        keys["post_script"] = post
    return "              - " + json.dumps(keys, ensure_ascii=False)


def schema() -> str:
    """The shop as a schema file."""
    locked = {"fixed": {"update": False}}
    actions = [
        _action("Make", "new", default=True),
        _action("MakeJudged", "new", PRE["Change"]),
        _action("MakeRejected", "new", PRE["Reject"]),
        _action("Remove", "delete", default=True),
        _action("RemoveRejected", "delete", PRE["Reject"]),
        _action("RemoveEach", "delete", PRE["Each"]),
        _action("Copy", "copy", PRE["Change"]),
        _action("MakeLater", "new", "", POST["Later"][0]),
        _action("RemoveLater", "delete", "", POST["Later"][0]),
        *(
            _action(name, "update", text, default=name == "Plain", fields=locked)
            for name, text in PRE.items()
        ),
        *(
            _action(name, "update", "", text, synchronous=waits)
            for name, (text, waits) in POST.items()
        ),
    ]
    kept = [
        _action("Make", "new", default=True),
        _action("Change", "update", default=True),
        _action("Remove", "delete", "function main() { throw new Error('kept') }", default=True),
    ]
    return f"""
workspaces:
  - name: Shop
    users:
      - {{email: ann@shop.test, name: Ann, password: ann-password, admin: true}}
      - {{email: bob@shop.test, name: Bob, password: bob-password}}
    top_group: {{display_id: ALL, name: Everyone, members: [ann@shop.test, bob@shop.test]}}
    applications:
      - display_id: SHOP
        name: Shop
        roles:
          - {{display_id: ADMIN, name: Admin, may_design: true, users: [ann@shop.test]}}
          - {{display_id: MEMBER, name: Member, users: [bob@shop.test]}}
        datastores:
          - display_id: ORDERS
            name: Orders
            statuses: [{{display_id: New, name: {{en: New, ja: 新規}}}}]
            fields:
              - {{display_id: name, name: Name, type: text, as_title: true}}
              - {{display_id: amount, name: Amount, type: number, min: 0}}
              - {{display_id: twice, name: Twice, type: calc, formula: "amount * 2"}}
              - {{display_id: fixed, name: Fixed, type: text}}
              - {{display_id: hidden, name: Hidden, type: text, roles: [ADMIN]}}
            actions:
{chr(10).join(actions)}
          - display_id: NOTES
            name: Notes
            fields:
              - {{display_id: text, name: Text, type: text, as_title: true}}
          - display_id: KEPT
            name: Kept
            fields:
              - {{display_id: text, name: Text, type: text, as_title: true}}
            actions:
{chr(10).join(kept)}
        functions:
{chr(10).join(_functions())}
        constants:
          - {{display_id: RATE, value: "0.1"}}
          - {{display_id: GREETING, value: こんにちは}}
          - {{display_id: WIDE, value: {"x" * 500}}}
"""


FUNCTIONS = {
    "sum": "function main(data) { return data.params.numbers.reduce((a, b) => a + b) }",
    "count": "async function main() { const found = await callAPIAsync('POST', 'api/v0/applications/SHOP/datastores/ORDERS/items/search', { per_page: 0, page: 1 }); return found.totalItems }",
    "refuse": "async function main() { throw { error: 'no', code: 7 } }",
    "fail": "function main() { throw new Error('wrong') }",
    "spin": "function main() { for (;;); }",
    "admins": "() => 1",
    "price-with-tax": "function main(data) { return util.number.round(data.params.price * (1 + {RATE})) }",
    "big": "async function main(data) { try { return await callAPIAsync('POST', 'api/v0/applications/SHOP/functions/echo', data.params) } catch (error) { return error } }",
    "echo": "function main(data) { return 'x'.repeat(data.params) }",
    "talk": "function main(data) { for (let i = 0; i < data.params; i++) logger.log('x'.repeat(1023)) }",
    "deep": "async function main(data) { if (data.params === 0) return 'bottom'; const below = await callAPIAsync('POST', 'api/v0/applications/SHOP/functions/deep', data.params - 1); return below.data }",
    "touch": "async function main(data) { const made = await callAPIAsync('POST', 'api/v0/applications/SHOP/datastores/NOTES/items/new', { item: { text: data.params } }); return made.item_id }",
    "reach": "async function main(data) { try { return await callAPIAsync(...data.params) } catch (error) { return error.status } }",
    "nest": "async function main(data) { let all = []; for (let i = 1; i < data.params; i++) all = [all]; try { return (await callAPIAsync('POST', 'api/v0/applications/SHOP/functions/echo', all)).data } catch (error) { return error.status } }",
    "wide": "function main() { return '" + "{WIDE}" * 1000 + "'.length }",
    "wider": "function main() { return '" + "{WIDE}" * 1001 + "'.length }",
    "many": "async function main(data) { const ask = (n, ...of) => Promise.all(Array.from({ length: n }, () => callAPIAsync(...of).then((one) => 'data' in one ? one.data : 1, () => 0))); const told = data.params ? await ask(25, 'POST', 'api/v0/applications/SHOP/functions/many', 0) : await ask(45, 'GET', 'api/v0/userinfo'); return told.reduce((a, b) => a + b) }",
    "work": "function main(data) { const end = Date.now() + data.params; let n = 0; while (Date.now() < end) n++; return 'done' }",
    "constants": "function main() { return { rate: '{RATE}', greeting: '{GREETING}', unknown: '{NOWHERE}', token: '{HEXA_API_TOKEN}', server: '{HEXA_API_SERVER}', code: {a: 1} } }",
}  # fmt: skip


def _functions() -> list[str]:
    roles = {"admins": {"roles": ["ADMIN"]}}
    return [
        "          - " + json.dumps({"display_id": name, "script": text, **roles.get(name, {})})
        for name, text in FUNCTIONS.items()
    ]
