"""What nobody holds goes, its bytes after its row; what a crash leaves is found."""

from __future__ import annotations

import pytest

from hikidashi.core.errors import FaultError
from hikidashi.core.limits import FILE_KEEP_MS, FILE_WAIT_MS
from hikidashi.service import files as service
from hikidashi.storage.objects import ObjectsError
from tests.files.papers import FORM, SCANS, Papers, form


def test_an_upload_that_no_item_took_goes_after_a_day(papers):
    item = papers.make()
    attached, waits = papers.file(item), papers.file(item)
    papers.edit(item, scans=[attached])
    papers.sweep(after_days=1)
    assert papers.objects() == {attached, waits}
    papers.sweep(after_days=0.01)
    assert papers.objects() == {attached}
    assert papers.known() == {attached: (True, False)}


@pytest.mark.parametrize("how", ["taken out", "item deleted", "replaced"])
def test_a_deleted_file_goes_after_seven_days(papers, how):
    item = papers.make()
    file = papers.file(item)
    papers.edit(item, scans=[file])
    if how == "taken out":
        papers.remove(item, file)
    elif how == "replaced":
        papers.edit(item, scans=[])
    else:
        papers.delete(item)
    papers.sweep(after_days=6.99)
    assert (papers.objects(), papers.known()) == ({file}, {file: (True, True)})
    papers.sweep(after_days=0.02)
    assert (papers.objects(), papers.known()) == (set(), {})


def test_files_of_a_field_that_is_gone_go_too(papers):
    item = papers.make()
    file = papers.file(item)
    papers.edit(item, scans=[file])

    def retire(connection):
        connection.query("UPDATE definitions SET deleted_at = 1 WHERE id = ?", (SCANS,))

    def restore(connection):
        connection.query("UPDATE definitions SET deleted_at = NULL WHERE id = ?", (SCANS,))

    papers.run(papers.app.store.change(retire))
    papers.sweep()
    assert papers.known() == {file: (True, True)}
    papers.run(papers.app.store.change(restore))


def test_a_sweep_is_done_by_housekeeping(papers):
    papers.stored()
    papers.clock.advance(days=2)
    papers.run(papers.app._housekeeping.round())
    assert (papers.objects(), papers.known()) == (set(), {})


def test_more_than_one_portion_goes(papers, monkeypatch):
    monkeypatch.setattr(service, "_SWEPT_AT_ONCE", 2)
    for _ in range(5):
        papers.stored()
    papers.sweep(after_days=2)
    assert (papers.objects(), papers.known()) == (set(), {})


# --- crashes -----------------------------------------------------------------------------------


class PowerCutError(Exception):
    """Nothing more happens."""


def crash(*_args, **_more):
    raise PowerCutError


def test_a_crash_between_the_bytes_and_their_row_leaves_bytes_that_a_sweep_finds(
    papers, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(service.rows, "insert_file", crash)
        body = form(("file", b"content", "a"))
        assert papers.call("POST", "/api/v0/files", body, user="bob", headers=FORM).status == 500
    [stray] = papers.objects()
    assert papers.known() == {}
    kept = papers.stored()
    item = papers.make(scans=[kept])
    papers.sweep(after_days=0.9)
    assert papers.objects() == {stray, kept}
    papers.sweep(after_days=0.2)
    assert papers.objects() == {kept}
    assert papers.held(item) == [kept]


def test_a_crash_while_attaching_leaves_the_file_waiting(papers, monkeypatch):
    item = papers.make()
    file = papers.file(item)
    connection = type(papers.run(papers.app.store.scan(lambda one: one)))
    with monkeypatch.context() as patch:
        patch.setattr(connection, "write_and_commit", crash)
        patch.setattr(connection, "commit", crash)
        assert papers.edit(item, scans=[file]).status == 500
    assert papers.known() == {file: (False, False)}
    assert papers.edit(item, scans=[file]).status == 200


@pytest.mark.parametrize("step", ["delete", "forget_files"])
def test_a_crash_during_a_sweep_is_made_good_by_the_next(papers, monkeypatch, step):
    file = papers.stored()
    with monkeypatch.context() as patch:
        owner = papers.app.files._objects if step == "delete" else service.rows
        patch.setattr(owner, step, crash)
        with pytest.raises(PowerCutError):
            papers.sweep(after_days=2)
    assert (file in papers.objects()) == (step == "delete")
    assert file in papers.known()
    assert papers.get(file).status == 404  # marked before the bytes go
    papers.sweep()
    assert (papers.objects(), papers.known()) == (set(), {})


def test_bytes_go_only_when_the_row_says_so(papers, monkeypatch):
    file = papers.stored()
    seen = []
    delete = papers.app.files._objects.delete

    def look(files):
        [(dropped_at,)] = papers_rows(papers, file)
        seen.append(dropped_at)
        delete(files)

    monkeypatch.setattr(papers.app.files._objects, "delete", look)
    papers.sweep(after_days=2)
    assert seen == [papers.clock.now_ms()]


def papers_rows(papers: Papers, file: str):
    """What another connection sees of a file's row, from a thread of the sweep's own."""
    connection = papers.app.store.engine.connect(read_only=True)
    try:
        return connection.query("SELECT dropped_at FROM files WHERE id = ?", (file,))
    finally:
        connection.close()


def test_what_a_cut_off_upload_staged_goes_after_a_day(papers, tmp_path):
    import os

    papers.stored()
    staged = papers.folder / "incoming"
    old, new = staged / "old", staged / "new"
    for one in (old, new):
        one.write_bytes(b"half")
    moment = papers.clock.now_ms() / 1_000 - 90_000
    os.utime(old, (moment, moment))
    papers.sweep()
    assert [one.name for one in staged.iterdir()] == ["new"]
    new.unlink()


def test_a_place_that_is_out_of_reach_waits_for_the_next_round(papers, monkeypatch):
    papers.stored()

    def out_of_reach(_files):
        raise ObjectsError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(papers.app.files._objects, "delete", out_of_reach)
        with pytest.raises(FaultError, match="unavailable"):
            papers.sweep(after_days=2)
    papers.sweep()
    assert (papers.objects(), papers.known()) == (set(), {})


def test_files_of_another_database_in_the_same_folder_are_left_alone(papers):
    from hikidashi.storage.objects import Objects

    others = Objects(str(papers.folder), "0" * 16)
    staged = others.stage()
    staged.write(b"theirs")
    file = "0" * 24  # old, and without a row
    others.put(file, staged)
    papers.sweep()
    assert papers.objects() == {file}


@pytest.mark.parametrize("over", [0, 1])
def test_how_long_files_are_kept_to_the_millisecond(papers, over):
    waiting, item = papers.stored(), papers.make()
    papers.clock.advance(ms=FILE_WAIT_MS + over)
    papers.sweep()
    assert papers.objects() == (set() if over else {waiting})
    papers._tokens.clear()
    taken = papers.file(item)
    papers.edit(item, scans=[taken])
    papers.edit(item, scans=[])
    papers.clock.advance(ms=FILE_KEEP_MS + over)
    papers.sweep()
    assert (taken in papers.objects()) is not bool(over)
