"""What vitmap leaves untroubled: the states of the slot in which trials begin."""

from __future__ import annotations

Words = tuple[object, ...]

NOTHING = "nothing"
SEEN = ("--model", "model", "--size", 32, "--quiet")
LOT = ("lot", *SEEN, "--no-classify", "--out", "slot/out")
RANK = ("rank", "set", *SEEN)
REVIEWED = ("review", "lot", *SEEN, "--export", "all")
REVIEW = (*REVIEWED, "--out", "slot/out")
SOART = ("soart", "map", "--standard", "lot/a.png", "lot", "--quiet", "--out", "slot/out")
_METRICS = ("soart", "metrics", "--standard", "lot/a.png", "--quiet", "--out", "slot/tables")

# A name, and the commands that bring the state about from an empty slot.
STATES: dict[str, tuple[Words, ...]] = {
    NOTHING: (),
    "recipe": ((*RANK, "--rows", "slot/rows", "--out", "slot/rank"),),
    "map": (("lot", *SEEN, "--no-classify", "--out", "slot/map"),),
    "mapped": (LOT,),
    "reviewed": (REVIEW,),
    "shards": tuple(
        (*REVIEWED, "--out", "slot/shards", "--shard", f"{number}/2") for number in (1, 2)
    ),
    "tables": (
        (*_METRICS, "--images", "set/train/good"),
        (*_METRICS, "--images", "lot", "--as", "valid"),
    ),
    "soart map": (SOART,),
}
