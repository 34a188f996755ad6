"""A project with tables, and a client that speaks HotTask to it."""

from __future__ import annotations

from typing import Any

from hikidashi.core.access import Identity
from tests.served import Served

CODE, TABLE = "7qaucizgxdrb", 123
KEY, READ_KEY, OTHER_KEY = "key-of-the-first-project", "key-that-only-reads", "key-of-the-other-one"
SCHEMA = f"""
workspaces:
  - name: Makers
    users:
      - {{email: ann@makers.test, name: Ann, password: ann-password, admin: true}}
    applications:
      - display_id: tasks
        hottask_code: {CODE}
        roles:
          - {{display_id: ADMIN, may_design: true, users: [ann@makers.test]}}
          - {{display_id: SITE}}
        keys:
          - {{name: site, key: {KEY}, roles: [SITE]}}
          - {{name: reader, key: {READ_KEY}, roles: [SITE], read_only: true}}
        datastores:
          - display_id: tasks
            hottask_table: {TABLE}
            fields:
              - {{display_id: subject, type: text, as_title: true}}
              - {{display_id: estimate, type: number, min: 0}}
              - {{display_id: done, type: boolean}}
              - {{display_id: due, type: datetime}}
              - {{display_id: code, type: text, unique: true}}
              - {{display_id: size, type: select, options: [{{display_id: S}}, {{display_id: L}}]}}
              - {{display_id: secret, type: text, roles: [ADMIN]}}
              - {{display_id: number, type: autonum}}
          - display_id: strict
            hottask_table: 124
            fields: [{{display_id: subject, type: text}}]
            actions:
              - display_id: New
                operation: new
                default: true
                fields: {{subject: {{mandatory: true}}}}
          - display_id: closed
            hottask_table: 125
            roles: [ADMIN]
            fields: [{{display_id: subject, type: text}}]
      - display_id: other
        hottask_code: aaaaaaaaaaaa
        roles: [{{display_id: SITE}}]
        keys: [{{name: site, key: {OTHER_KEY}, roles: [SITE]}}]
        datastores:
          - display_id: tasks
            hottask_table: 223
            fields: [{{display_id: subject, type: text}}]
"""
JSON = {"Content-Type": "application/json"}


class Tables(Served):
    """A client of the tables of one project."""

    def post(
        self,
        verb: str,
        body: object,
        headers: dict[str, str] | None = None,
        *,
        code: str = CODE,
        table: object = TABLE,
        base: str = "/autodev",
    ) -> dict[str, Any]:
        """Send a call; whatever comes of it, the answer is HTTP 200 and the five keys."""
        head = {"customauth": KEY} if headers is None else headers
        path = f"{base}/CustomTableValue/{verb}/{code}/{table}"
        reply = self.send("POST", path, body, {**JSON, **head})
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "application/json"
        answer: dict[str, Any] = reply.json()
        assert list(answer) == ["Data", "Version", "Success", "Code", "Message"]
        assert answer["Success"] is (answer["Code"] == 200)
        assert (answer["Message"] == "") is answer["Success"]
        return answer

    def create(self, **values: object) -> int:
        answer = self.post("Create", {"create": values})
        assert answer["Success"], answer
        row: int = answer["Data"]
        return row

    @property
    def bot(self) -> Identity:
        return self.run(self.app.identities.identify_key(KEY))

    def row(self, number: int, datastore: str = "tasks") -> dict[str, Any]:
        """What the row holds, with its revision as `rev`."""
        [item] = [one for one in self.items(self.bot, "tasks", datastore) if one.n == number]
        names = self.read(
            self.bot,
            lambda view: {
                field.id: field.display_id
                for project in view.catalog.projects
                for place in project.datastores
                for field in place.fields
            },
        )
        values = {names[key]: value for key, value in item.values.items() if value is not None}
        return {**values, "rev": item.rev}

    def rows(self) -> list[tuple[int, int]]:
        return [(one.n, one.rev) for one in self.items(self.bot, "tasks", "tasks")]
