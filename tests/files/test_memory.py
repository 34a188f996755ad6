"""A long file passes through a server in bounded memory, in both directions."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import threading
import time
from typing import Self

import psutil

from tests.files.papers import BOUNDARY, FORM
from tests.waiting import join_all

MEGABYTES = int(os.environ.get("FILE_MEGABYTES", "32"))  # 100 by hand
CHUNKED = {"Transfer-Encoding": "chunked"}
GROWTH_MEGABYTES_MAX = 20  # however long the file is


class Watch:
    """The most memory that a process has while something is done."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._start = self.most = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        join_all([self._thread])

    def _look(self) -> None:
        while not self._done.wait(0.005):
            self.most = max(self.most, self._process.memory_info().rss)

    @property
    def growth(self) -> float:
        """In megabytes."""
        return (self.most - self._start) / 1e6


def test_a_long_file_goes_in_and_out_in_bounded_memory(server):
    process, port = server
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def send(method, path, body=None, headers=None):
        connection.request(method, path, body, headers or {}, encode_chunked=body is pieces)
        return connection.getresponse()

    piece = os.urandom(1_000_000)

    def pieces_of_form(count):
        head = 'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield f"--{BOUNDARY}\r\n{head}".encode()
        for _ in range(count):
            yield piece
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    pieces = None
    body = json.dumps({"email": "bob@papers.test", "password": "bob-password"})
    token = json.load(send("POST", "/api/v0/login", body))["token"]
    auth = {"Authorization": f"Bearer {token}"}

    def upload(count):
        nonlocal pieces
        pieces = pieces_of_form(count)
        reply = send("POST", "/api/v0/files", pieces, {**auth, **FORM, **CHUNKED})
        assert reply.status == 200, reply.read()
        return json.load(reply)["file_id"]

    def put(count):
        nonlocal pieces
        body = json.dumps({"filename": "a"})
        path = "/autodev/CustomTable/GetPreUploadUrl/thepapers123"
        url = json.load(send("POST", path, body, auth))["Data"]["PreUploadUrl"]
        assert url.startswith(f"http://127.0.0.1:{port}/autodev/")
        pieces = (piece for _ in range(count))
        reply = send("PUT", url.split(f":{port}")[1], pieces, CHUNKED)
        assert reply.status == 200, reply.read()
        reply.read()

    upload(1)  # what is imported and made once
    with Watch(process) as announced:
        put(MEGABYTES)
    with Watch(process) as going_in:
        file = upload(MEGABYTES)
    with Watch(process) as coming_out:
        reply = send("GET", f"/api/v0/files/{file}", headers=auth)
        found = hashlib.sha256()
        while some := reply.read(200_000):
            found.update(some)
            if MEGABYTES > 50:
                time.sleep(0.002)  # a client that is slower than we are
    wanted = hashlib.sha256()
    for _ in range(MEGABYTES):
        wanted.update(piece)
    assert found.digest() == wanted.digest()
    assert reply.headers["etag"] == f'"{wanted.hexdigest()}"'
    print(f"{MEGABYTES} MB: {going_in.growth:.1f} MB more in, {coming_out.growth:.1f} MB more out")
    assert announced.growth < GROWTH_MEGABYTES_MAX
    assert going_in.growth < GROWTH_MEGABYTES_MAX
    assert coming_out.growth < GROWTH_MEGABYTES_MAX
    connection.close()
