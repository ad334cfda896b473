"""How the learning rates of the comparison are chosen, and what is tried with others."""

from collections import Counter

import pytest

from experiments import (
    load,
    reach,
    reach_further,
    reach_longer,
    reach_more_rates,
    reach_other_rates,
    reach_rates,
)
from experiments.reach_rates import FIRST, MIDDLE, RATES, UPDATES, attempt, best_of, climb, summary


def landscape(needs, loss=0.5):
    """A trial where a rate's place says after how many updates each of three seeds is done."""
    asked = []

    def trial(place, limit):
        asked.append((place, limit))
        outcomes = []
        for _ in range(3):
            made = needs.get(place, UPDATES + 1)
            outcomes.append(
                {
                    "solved": made <= limit,
                    "updates": min(made, limit),
                    "diverged": None,
                    "loss": 0.01 if made <= limit else loss,
                    "baseline": 1.0,
                    "learning_rate": RATES[place],
                }
            )
            if limit < UPDATES and made > limit:
                break
        return outcomes

    trial.asked = asked
    return trial


def test_the_climb_goes_on_while_the_best_rate_is_at_an_edge():
    trial = landscape({3: 900, 4: 800, 5: 700, 6: 600, 7: 500, 8: 600})
    tried = climb(trial)
    assert sorted(tried) == [3, 4, 5, 6, 7, 8] and best_of(tried) == 7
    assert summary(tried)["best"] == RATES[7] == 0.1


def test_the_climb_ends_with_the_ladder():
    tried = climb(landscape({place: 1000 - 100 * place for place in range(len(RATES))}))
    assert max(tried) == best_of(tried) == len(RATES) - 1


def test_where_no_seed_leaves_guessing_six_rates_are_tried_and_the_result_is_marked():
    tried = climb(landscape({}, loss=0.95))
    assert sorted(tried) == list(MIDDLE) and summary(tried)["undecided"]
    assert not summary(climb(landscape({}, loss=0.85)))["undecided"]


def test_a_rate_is_given_up_once_it_cannot_win():
    """It gets as many updates for a seed as the best needed for all, and then no other seed."""
    trial = landscape({4: 500, 3: 1501, 5: 1500})
    tried = climb(trial)
    assert dict(trial.asked)[FIRST[0]] == UPDATES and dict(trial.asked)[3] == 1500
    assert [len(tried[place]) for place in (3, 4, 5)] == [1, 3, 3] and best_of(tried) == 4


def test_more_seeds_come_before_fewer_updates_and_these_before_the_loss():
    slow, fast = ({"solved": True, "updates": u, "loss": 0.1} for u in (900, 100))
    lost, low = ({"solved": False, "updates": UPDATES, "loss": loss} for loss in (None, 0.5))
    tried = {0: [slow] * 3, 1: [fast, fast, low], 2: [low] * 3, 3: [low, low, lost]}
    assert [best_of({k: tried[k] for k in ks}) for ks in ((0, 1), (1, 2), (2, 3))] == [0, 1, 2]


@pytest.mark.parametrize(("second", "wins"), [(100, True), (400, False)])
def test_what_the_climb_left_out_can_win(second, wins, monkeypatch):
    """The climb stops at place 4; place 7 is on another hill."""
    trial = landscape({3: 1000, 4: 400, 5: 900, 7: second})
    found = summary(climb(trial))
    assert found["best"] == RATES[4]
    monkeypatch.setattr(reach_more_rates, "lookup", lambda *_, **__: found)
    monkeypatch.setattr(
        reach_more_rates, "trial", lambda _t, _m, _s, place, limit: trial(place, limit)
    )
    more = reach_more_rates.measure("sky", "gru 1", 100)
    assert more["best"] == RATES[7 if wins else 4]
    assert {t["learning_rate"] for t in more["trials"]} == {RATES[k] for k in range(3, 9)}


def test_a_rate_tried_later_starts_with_the_limit_of_the_best():
    trial = landscape({4: 500, 6: 400})
    tried = {4: trial(4, UPDATES)}
    attempt(tried, 6, trial)
    assert trial.asked[-1] == (6, 1500) and best_of(tried) == 6


@pytest.mark.parametrize("solved", [0, 1])
def test_longer_lengths_are_run_if_any_seed_solves_the_shortest(solved, monkeypatch):
    monkeypatch.setattr(reach_further, "lookup", lambda *_, seed, **__: {"solved": seed < solved})
    monkeypatch.setattr(reach, "measure", lambda *_: "run")
    found = reach_further.measure("copying", "gru 0", 5, 0)
    assert found == ("run" if solved else reach_further.NOT_RUN)


def test_the_other_rates_are_all_that_solved_half_of_the_longest_length():
    solved = Counter()
    for line in load("reach") + load("reach_further"):
        point = line["point"]
        solved[point["task"], point["model"], point["length"]] += line["result"]["solved"]
    wanted = {}
    for line in load("reach_more_rates"):
        (task, model, _), result = line["point"].values(), line["result"]
        if task == "copying" or solved[task, model, reach_rates.LENGTHS[task][-1]] >= 9:
            continue
        alike = Counter(t["learning_rate"] for t in result["trials"] if t["solved"])
        rates = [r for r, n in alike.items() if n == len(reach_rates.SEEDS) and r != result["best"]]
        if rates:
            wanted[task, model] = tuple(sorted(rates))
    assert reach_other_rates.RATES == wanted


def test_longer_are_trained_all_that_copy_with_no_seed():
    shortest = reach_rates.LENGTHS["copying"][0]
    lines = [line for line in load("reach") if line["point"]["task"] == "copying"]
    assert {line["point"]["length"] for line in lines} == {shortest}
    able = {line["point"]["model"] for line in lines if line["result"]["solved"]}
    assert set(reach_longer.MODELS) == set(reach_rates.MODELS) - able
