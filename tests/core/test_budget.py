"""What is too little for a millionth of a token is neither lost nor given twice."""

from backstay_core.strategies.budget import Budget

SECOND = 10**9


def test_looking_often_gains_no_more_than_looking_once() -> None:
    budget = Budget(0.0, per_second=0.7, burst=1.0)
    often, once = budget.state(), budget.state()
    for tokens in (often, once):
        assert tokens.take(0)
    for now in range(1, 999):
        often.take(now)
        often.take(now)
    almost = -(-SECOND * 10 // 7) - 1  # 0.7 a second make one token in 1.428571428571… s
    assert not often.take(almost)
    assert not once.take(almost)
    assert often.take(almost + 1)
    assert once.take(almost + 1)


def test_looking_often_loses_nothing() -> None:
    tokens = Budget(0.0, per_second=1500.0, burst=1.0).state()
    assert tokens.take(0)
    assert not [now for now in range(1, 666_666) if now % 7 == 0 and tokens.take(now)]
    assert tokens.take(666_667)


def test_time_in_which_it_was_full_does_not_count() -> None:
    tokens = Budget(0.0, per_second=1.0, burst=1.0).state()
    tokens.snapshot(0)
    assert tokens.take(999)
    assert tokens.snapshot(1998)["state"]["tokens"] == 0
    assert tokens.snapshot(1999)["state"]["tokens"] == 1


def test_the_rest_is_saved() -> None:
    tokens = Budget(0.0, per_second=0.7, burst=1.0).state()
    tokens.take(0)
    saved = tokens.snapshot(2000)
    assert saved["state"] == {"tokens": 1, "age": 0, "rest": 400_000_000}
    tokens.take(5000)
    tokens.restore(saved, 2000, "resume")
    assert tokens.snapshot(2000) == saved
