"""The life of a circuit: every step in order, and the way back from every stage."""

import pytest

from wsproxy.core.lifecycle import FORWARD, WAY_BACK, Stage, Step, Undo, WrongStep, after

OPENING = [Step.RESERVE, Step.BIND, Step.BOUND, Step.STORE, Step.SHOW]


def test_opening_goes_through_every_stage():
    stage = Stage.NEW
    seen = [stage]
    for step in OPENING:
        stage = after(stage, step)
        seen.append(stage)

    assert seen == [s for s in Stage if s is not Stage.CLOSED]


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("step", Step)
def test_every_pair_is_decided(stage, step):
    if step is Step.CLOSE:
        assert after(stage, step) is Stage.CLOSED
    elif (stage, step) in FORWARD:
        assert after(stage, step) is FORWARD[stage, step]
    else:
        with pytest.raises(WrongStep, match=f"{step}.*{stage}"):
            after(stage, step)


def test_the_way_back_undoes_what_may_have_been_done():
    assert set(WAY_BACK) == set(Stage)
    assert WAY_BACK[Stage.NEW] == WAY_BACK[Stage.CLOSED] == ()
    assert WAY_BACK[Stage.RESERVED] == (Undo.RELEASE,)
    assert Undo.UNBIND in WAY_BACK[Stage.BINDING]  # a bind that was cancelled may have bound
    assert Undo.FORGET in WAY_BACK[Stage.STORING]  # a put that failed may have been stored
    assert Undo.FORGET not in WAY_BACK[Stage.BOUND]
    # No new request finds it before its connections end; the slot is free only when all is gone.
    assert WAY_BACK[Stage.OPEN][0] is Undo.HIDE
    assert all(way[-1] is Undo.RELEASE for way in WAY_BACK.values() if way)
