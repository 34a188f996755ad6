"""A client that uploads to the papers in three steps, and gets files by links."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.api.rest import Reply
from tests.files.papers import Papers

CODE, LETTERS, OTHERS = "thepapers123", "theletters12", "theothers123"
KEY, READER, OUTSIDER = "key-of-the-papers", "key-that-reads-papers", "key-of-no-table-at-all"
LETTERS_KEY, OTHERS_KEY = "key-of-the-letters", "key-of-the-others"
HOST = {"host": "data.example.com"}
ORIGIN = "http://data.example.com"


class Announced(NamedTuple):
    """What GetPreUploadUrl tells."""

    number: int
    url: str

    @property
    def path(self) -> str:
        """The URL without where it is."""
        assert self.url.startswith(f"{ORIGIN}/"), self.url
        return self.url.removeprefix(ORIGIN)


def call(
    papers: Papers,
    verb: str,
    body: object,
    who: str = "bob",
    *,
    code: str = CODE,
    base: str = "/autodev",
    **headers: str,
) -> dict[str, Any]:
    """A call by somebody's session, or by a key; the envelope."""
    more: dict[str, Any] = {"headers": {**HOST, **headers}}
    if who.startswith(("key-", "Bearer ")):
        more |= {"token": who}
    elif who:
        more |= {"user": who}
    else:
        more |= {"token": ""}
    reply = papers.call("POST", f"{base}/CustomTable/{verb}/{code}", body, **more)
    assert reply.status == 200, reply.body
    told: dict[str, Any] = reply.json
    assert list(told) == ["Data", "Version", "Success", "Code", "Message"]
    assert told["Success"] is (told["Code"] == 200) is (told["Message"] == "")
    return told


def announce(papers: Papers, name: str = "a.txt", who: str = "bob", **more: Any) -> Announced:
    """GetPreUploadUrl, which has to be answered well."""
    told = call(papers, "GetPreUploadUrl", {"filename": name}, who, **more)
    assert told["Success"], told
    assert list(told["Data"]) == ["FileStoreId", "PreUploadUrl"]
    return Announced(told["Data"]["FileStoreId"], told["Data"]["PreUploadUrl"])


def put(papers: Papers, path: str, body: Any = b"some text", **headers: str) -> Reply:
    """PUT of bytes; nobody says who sends them."""
    return papers.call("PUT", path, body, token="", headers=headers)


def report(papers: Papers, number: object, who: str = "bob", **more: Any) -> dict[str, Any]:
    """ReportUploadSuccess."""
    return call(papers, "ReportUploadSuccess", {"FileStoreId": number}, who, **more)


def upload(papers: Papers, content: bytes = b"some text", who: str = "bob", **more: Any) -> int:
    """All three steps; the number of the file."""
    told = announce(papers, who=who, **more)
    assert put(papers, told.path, content).status == 200
    assert report(papers, told.number, who, **more)["Success"]
    return told.number


def link(papers: Papers, number: object, who: str = "bob", **more: Any) -> dict[str, Any]:
    """GetFileStaticUrl."""
    return call(papers, "GetFileStaticUrl", {"fileId": number}, who, **more)


def link_path(papers: Papers, number: int, who: str = "bob", **more: Any) -> str:
    """The path of a link that has to be given."""
    told = link(papers, number, who, **more)
    assert told["Success"], told
    assert told["Data"].startswith(f"{ORIGIN}/"), told
    return str(told["Data"]).removeprefix(ORIGIN)


def get(papers: Papers, path: str, method: str = "GET", **headers: str) -> Reply:
    """A file by a link; nobody says who asks."""
    return papers.call(
        method,
        path,
        token="",
        headers={name.replace("_", "-"): one for name, one in headers.items()},
    )


def id_of(papers: Papers, number: int, workspace: str = "65a000000000000000000001") -> str:
    """The id of the file that has a number."""
    [(found,)] = papers.rows(
        "SELECT id FROM files WHERE n = ? AND workspace_id = ?", number, workspace
    )
    return str(found)
