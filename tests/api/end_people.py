"""Two projects in which people sign up, in two workspaces, and a client that does so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hikidashi.service.schema import loads, schema_apply
from tests.deterministic import FixedClock, fixed_ids
from tests.served import Served

SHOP, CLUB, SHUT = "shopshopshop", "clubclubclub", "shutshutshut"
KEY, CLUB_KEY = "key-of-the-shop-project", "key-of-the-club-project"
SCHEMA = f"""
workspaces:
  - name: Makers
    id: 68a0000000000000000000f1
    users:
      - {{id: 68a0000000000000000000a1, email: ann@makers.test, name: Ann, password: ann-password, admin: true}}
      - {{id: 68a0000000000000000000a2, email: dan@makers.test, name: Dan, password: dan-password}}
    top_group: {{id: 68a0000000000000000000b1, display_id: ALL, members: [ann@makers.test]}}
    applications:
      - display_id: shop
        id: 68a0000000000000000000c1
        hottask_code: {SHOP}
        sign_up: {{roles: [BUYER], reset_url: "https://shop.test/choose?from=mail"}}
        anonymous: {{roles: [GUEST]}}
        roles:
          - {{display_id: ADMIN, may_design: true, users: [ann@makers.test, dan@makers.test]}}
          - {{display_id: BUYER}}
          - {{display_id: GUEST}}
        keys: [{{name: site, key: {KEY}, roles: [ADMIN]}}]
        datastores:
          - display_id: orders
            id: 68a0000000000000000000e1
            hottask_table: 1
            roles: [ADMIN, BUYER]
            fields:
              - {{display_id: subject, type: text, as_title: true}}
              - {{display_id: buyer, type: users}}
              - {{display_id: price, type: number, roles: [ADMIN]}}
            actions:
              - {{display_id: Create, operation: new, default: true, publish: {{roles: [ADMIN]}}}}
              - {{display_id: Update, operation: update, default: true, publish: {{roles: []}}}}
              - {{display_id: Delete, operation: delete, default: true, roles: [ADMIN]}}
          - display_id: news
            id: 68a0000000000000000000e2
            hottask_table: 2
            hottask_public: [Page, List, Count]
            fields: [{{display_id: subject, type: text, as_title: true}}]
          - display_id: wishes
            id: 68a0000000000000000000e3
            hottask_table: 3
            hottask_public: [Create, UD, Delete]
            fields: [{{display_id: subject, type: text, as_title: true}}]
          - display_id: staff
            hottask_table: 4
            hottask_public: [Page, List, Count, Create, UD, Delete]
            roles: [ADMIN]
            fields: [{{display_id: subject, type: text, as_title: true}}]
      - display_id: shut
        hottask_code: {SHUT}
        roles: [{{display_id: BUYER}}]
        datastores: [{{display_id: orders, hottask_table: 11, hottask_public: [Create], fields: [{{display_id: subject, type: text}}]}}]
  - name: Players
    password_policy: {{use_min_length: true, min_length: 10, use_lockout_count: true, lockout_count: 2}}
    users: [{{email: zoe@players.test, name: Zoe, password: zoe-password, admin: true}}]
    applications:
      - display_id: club
        hottask_code: {CLUB}
        sign_up: {{roles: [MEMBER]}}
        anonymous: {{roles: [MEMBER], read_only: true}}
        keys: [{{name: site, key: {CLUB_KEY}, roles: [MEMBER]}}]
        datastores: [{{display_id: teams, hottask_table: 1, hottask_public: [Create], fields: [{{display_id: subject, type: text}}]}}]
"""
JSON = {"Content-Type": "application/json"}


class EndPeople(Served):
    """A client of both projects."""

    def __init__(self, url: str, schema: str = SCHEMA, **settings: str) -> None:
        self.clock = FixedClock()
        super().__init__(url, schema, self.clock, fixed_ids(self.clock), **settings)

    def ask(
        self, call: str, body: object = None, *, code: str = SHOP, token: str = "", **more: Any
    ) -> dict[str, Any]:
        """One of the calls of a project, as an end user where a token is given."""
        head = {"Authorization": f"Bearer {token}"} if token else {}
        method = "GET" if body is None else "POST"
        table = f"/{more['table']}" if "table" in more else ""
        base = more.get("base", "/autodev")
        path = f"{base}/CustomTableValue/{call}/{code}{table}"
        reply = self.send(method, path, body, {**JSON, **head, **more.get("headers", {})})
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        assert list(answer) == ["Data", "Version", "Success", "Code", "Message"]
        assert answer["Success"] is (answer["Code"] == 200)
        return answer

    def sign_up(self, email: str, password: str = "a-password", code: str = SHOP) -> int:
        answer = self.ask("SignUp", {"email": email, "password": password}, code=code)
        assert answer["Success"], answer
        number: int = answer["Data"]
        return number

    def sign_in(self, email: str, password: str = "a-password", code: str = SHOP) -> str:
        answer = self.ask("SignIn", {"email": email, "password": password}, code=code)
        assert answer["Success"], answer
        token: str = answer["Data"]
        return token

    def apply(self, keys: str, allow: Sequence[str] = ()) -> None:
        """Apply keys of the shop."""
        text = (
            "workspaces:\n- id: 68a0000000000000000000f1\n  applications:\n"
            f"  - id: 68a0000000000000000000c1\n    {keys}\n"
        )
        self.apply_text(text, allow)

    def apply_text(self, text: str, allow: Sequence[str] = ()) -> None:
        app = self.app
        self.run(schema_apply(app.store, app.ids, app.clock, loads(text), allow))

    def rows(self, sql: str, *params: object) -> list[Any]:
        return self.run(self.app.store.scan(lambda one: one.query(sql, params)))

    def mailed(self, to: str) -> str:
        """The secret in the last mail to an address."""
        found = self.rows("SELECT body FROM mails WHERE recipient = ? ORDER BY id", to)
        secret = re.search(r"token=([0-9a-f]{64})", found[-1][0])
        assert secret is not None
        return secret[1]
