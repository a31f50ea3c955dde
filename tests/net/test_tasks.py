"""Tasks: named, kept while they run, errors told, ended with their owner."""

import asyncio
import logging

from wsproxy.net.tasks import Tasks


async def test_a_task_has_the_name_of_its_owner_and_its_result():
    tasks = Tasks("probe")

    async def work() -> int:
        return 42

    task = tasks.start(work(), "gpu")
    assert task.get_name() == "probe/gpu"
    assert repr(tasks) == "Tasks('probe', ['probe/gpu'])"
    assert await task == 42
    assert len(tasks) == 0


async def test_an_error_that_nobody_awaits_is_told_once_and_harms_no_other_task(caplog):
    tasks = Tasks("dial")
    go_on = asyncio.Event()

    async def fail() -> None:
        raise RuntimeError("no luck")

    other = tasks.start(go_on.wait(), "other")
    failed = tasks.start(fail(), "failing")
    with caplog.at_level(logging.ERROR):
        await asyncio.wait([failed])
        await asyncio.sleep(0)  # its callbacks run
    assert [record.getMessage() for record in caplog.records] == ["task dial/failing failed"]
    assert not other.done()
    go_on.set()
    assert await other is True


async def test_closing_cancels_what_runs_and_waits_for_its_clean_up():
    tasks, cleaned = Tasks("open"), []
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("clean")

    task = tasks.start(work(), "one")
    await begun.wait()
    await tasks.close()
    assert task.cancelled()
    assert cleaned == ["clean"]
    assert len(tasks) == 0


async def test_a_task_may_close_its_own_owner():
    tasks = Tasks("self")

    async def work() -> str:
        await tasks.close()
        return "not cancelled"

    assert await tasks.start(work(), "one") == "not cancelled"
