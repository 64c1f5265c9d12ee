"""What a ranking says in words: the answer, and what the numbers do not allow to say."""

from __future__ import annotations

from collections.abc import Sequence

from vitmap.commands.rank.run import Found
from vitmap.rank.candidates import BRIGHTER, EITHER, RAW, UNIFORM, Candidate
from vitmap.rank.ranking import LAST
from vitmap.rank.scoring import MEANINGS


def headline(found: Found) -> str:
    """The answer in a sentence; where nothing beats uniform attention, it is that.

    `L8 H1 against 12 good pictures: AUROC 0.96 [0.89, 0.98] on pictures it was not chosen on; the
    last layer's mean: 0.75, the patch distance does better: 0.99.`
    """
    ranking, held = found.ranking, found.ranking.procedure.held.estimate
    name = MEANINGS[ranking.by].removeprefix("pixel ")
    score = f"{name} {held.value:.2f} [{held.low:.2f}, {held.high:.2f}]"
    verdicts = {test.baseline: test.verdict for test in ranking.comparisons}
    if verdicts[UNIFORM] != "better":
        return (
            f"No cell is shown to do better than uniform attention: choosing one gets {score} on "
            f"other pictures (the best on these alone: {found.recipe.label})."
        )
    values = {held.name: held.estimate.value for held in ranking.held}
    said = [f"{found.recipe.label}: {score} on pictures it was not chosen on"]
    said.append(f"the last layer's mean{_AGAINST[verdicts.pop(LAST)]}: {values.pop(LAST):.2f}")
    first = max(verdicts, key=lambda baseline: values[baseline])
    if verdicts[first] != "better":
        said[-1] += f", the {first}{_AGAINST[verdicts[first]]}: {values[first]:.2f}"
    return "; ".join(said) + "."


_AGAINST = {"better": "", "worse": " does better", "not told apart": " (not told apart)"}


def cautions(found: Found) -> list[str]:
    """What the numbers do not allow to say: which baselines are not beaten, how folds differ."""
    ranking, procedure = found.ranking, found.ranking.procedure
    said = []
    unbeaten = [c.baseline for c in ranking.comparisons if c.verdict != "better"]
    if unbeaten:
        said.append(f"Not better than {_listed(unbeaten)} by a paired test on these pictures.")
    tied = sum(entry.tied for entry in ranking.entries) - 1
    if tied:
        said.append(
            f"{tied} other cell{'s' if tied > 1 else ''} cannot be told from the best one (paired "
            "resamples): on other pictures like these the order may differ."
        )
    if found.recipe.alarm is not None and not found.recipe.evidence["golden"]:
        said.append(
            "The recipe's threshold is from good pictures that had a part in the choice: check it "
            "on others, or give --golden."
        )
    votes = ", ".join(f"{reading_of(c)} {n}×" for c, n in procedure.votes)
    said.append(
        f"The score is that of choosing a cell by {ranking.split.folds} folds, which took {votes}; "
        "the recipe is then refit on all pictures."
    )
    return said


def reading_of(candidate: Candidate) -> str:
    """`L8 H1 (brighter)`."""
    end = {RAW: "", BRIGHTER: " (brighter)", EITHER: " (either way)"}[candidate.kind]
    return candidate.cell + end


def _listed(names: Sequence[str]) -> str:
    names = [f"the {name}" if name != "uniform" else "uniform attention" for name in names]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
