"""POST scripts that nobody waits for, run behind the answer by the relay."""

from __future__ import annotations

from hikidashi.core.limits import SCRIPT_DEPTH_MAX
from tests.scripts.test_pre import act
from tests.waiting import drain


def turn_relay(shop):
    """Let what was written be followed until nothing is left to do now."""
    shop.served.run(drain(shop.served.app.events))


def later(shop):
    """What such scripts have noted, in the order in which they did."""
    notes = sorted((one["i_id"], one["text"]) for one in shop.search("NOTES"))
    return [text for _, text in notes if text.startswith("later")]


def test_it_runs_once_behind_the_answer_with_what_the_caller_said(shop):
    before = len(later(shop))
    item, told = act(shop, "Later", values={"name": "ink"}, as_params=["a", 1])
    assert told["as_result"] is None
    assert later(shop)[before:] == []
    act(shop, "Later", item, values={"name": "pad"})
    turn_relay(shop)
    assert later(shop)[before:] == ["later ink 2 a,1 Later", "later pad 3  Later"]
    turn_relay(shop)
    assert len(later(shop)) == before + 2


def test_it_follows_creating_and_deleting(shop):
    before = len(later(shop))
    item = shop.new(action="MakeLater", name="new")
    turn_relay(shop)
    shop.send("POST", f"ORDERS/items/action/{item}/RemoveLater", {"is_force_update": True})
    turn_relay(shop)
    made, removed = later(shop)[before:]
    assert made == "later new 1  MakeLater"
    assert removed.startswith("later new ")
    assert removed.endswith("RemoveLater")


def test_what_was_waited_for_is_not_run_again(shop):
    notes = len(shop.search("NOTES"))
    act(shop, "AfterNotes")
    turn_relay(shop)
    assert len(shop.search("NOTES")) == notes + 1


def test_each_item_of_a_bulk_action_has_its_script_run(shop):
    before = len(later(shop))
    made = [shop.new(name=f"bulk {n}") for n in range(3)]
    conditions = [{"id": "i_id", "search_value": made, "exact_match": True}]
    body = {"conditions": conditions, "item": {"amount": 1}, "use_display_id": True}
    told = shop.send("POST", "ORDERS/items/bulkaction/Later", body)
    assert told["result"]["processed"] == 3
    turn_relay(shop)
    assert sorted(later(shop)[before:]) == [f"later bulk {n} 2  Later" for n in range(3)]


def test_related_items_only_if_it_is_asked_for(shop):
    before = len(later(shop))
    for asked in (False, True):
        entry = {"operation": 1, "item": {"name": f"asked {asked}"}, "action_id": "MakeLater"}
        body = {
            "item": {"text": "parent"},
            "related_ds_items": {"ORDERS": [entry]},
            "exec_children_post_procs": asked,
            "use_display_id": True,
        }
        told = shop.send("POST", "NOTES/items/new", body)
        assert told["error"] is None
    turn_relay(shop)
    assert later(shop)[before:] == ["later asked True 1  MakeLater"]


def test_one_that_throws_is_not_run_again_and_holds_nothing_up(shop):
    before = len(later(shop))
    heard = []
    live = shop.served.app.live
    live.publish_log = lambda *line: heard.append(line[2])
    try:
        item, _ = act(shop, "LaterThrows")
        act(shop, "Later", item)
        turn_relay(shop)
        turn_relay(shop)
    finally:
        del live.publish_log
    assert heard == ["so"]
    assert len(later(shop)) == before + 1


def test_one_that_sets_itself_off_again_comes_to_an_end(shop):
    item, told = act(shop, "LaterAgain")
    turn_relay(shop)
    assert shop.details(item)["rev"] == told["rev_no"]["rev_no"] + SCRIPT_DEPTH_MAX
    act(shop, "LaterAgain", item)  # what a person does begins anew
    turn_relay(shop)
    assert shop.details(item)["rev"] == told["rev_no"]["rev_no"] + 1 + 2 * SCRIPT_DEPTH_MAX
