"""The cases: which commands run, in which order, and where each of them writes.

A case is a name and its commands. They run in the order of the list; all that a case writes goes to
`outputs/digest/NAME/out`. A case may read what an earlier one wrote; it names that one in `needs`.
"""

from __future__ import annotations

from dataclasses import dataclass

WORK = "outputs/digest"
GIVEN = f"{WORK}/given"  # models that tiny_model.py writes before the first case

CAR, MUG, CAT = (f"assets/{name}.png" for name in ("scene-car", "scene-mug", "chelsea"))
FLANGES = "assets/flanges"
STANDARD, LOT = "assets/lot-standard.png", "assets/lot"
EMBEDDED = "--model embedded"
RECIPE = f"--recipe {WORK}/rank/out/recipe.json"
SIZE = "--size 160"  # where the content of a map does not matter


@dataclass(frozen=True)
class Case:
    """Commands without the `vitmap` in front; `{out}` is the folder that the case writes to."""

    name: str
    commands: tuple[str, ...]
    needs: tuple[str, ...] = ()
    light: bool = False  # without torch: it is not worth while to copy a large process

    def argv(self) -> list[list[str]]:
        """The arguments of every command. No argument holds a blank.

        >>> Case("cat", ("cat.png --out {out}",)).argv()
        [['cat.png', '--out', 'outputs/digest/cat/out']]
        """
        out = f"{WORK}/{self.name}/out"
        return [command.replace("{out}", out).split() for command in self.commands]


HELP = ("", "compare", "explore", "rank", "review", "merge", "models", "soart")
HELP += ("soart metrics", "soart attend", "soart verdict", "soart map")

CASES = [
    Case("help", tuple(f"{command} --help".strip() for command in HELP), light=True),
    Case("version", ("--version",), light=True),
    Case("models", ("models", "models --json"), light=True),
    Case(
        "wrong-use",
        (
            "--no-such-option",
            "--out {out}",
            f"{CAT} --threshold 2 {EMBEDDED} --out {{out}}",
            f"no-such.png {EMBEDDED} --out {{out}}",
            f"compare {CAR} --scale no {EMBEDDED} --out {{out}}",
            f"review {LOT} --export no {EMBEDDED} --out {{out}}",
            f"review {LOT} --shard 3/2 {EMBEDDED} --out {{out}}",
            "merge no-such --out {out}",
            "soart map no-such.png --standard no-such.png --out {out}",
            f"soart verdict --standard {STANDARD} --images {LOT}/good --out {{out}}",
        ),
        light=True,
    ),
    # maps
    Case("map", (f"{CAT} --out {{out}}",)),  # no --model: the embedded one stands in
    Case("map-replay", (f"--replay {WORK}/map/out/chelsea/run.json --out {{out}}",), ("map",)),
    Case(
        "map-layers", (f"{CAR} --layer all --reduce heads {EMBEDDED} --no-classify --out {{out}}",)
    ),
    Case(
        "map-original",
        (f"{CAT} --fit squash --scale cell --at model {EMBEDDED} --no-classify --out {{out}}",),
    ),
    Case(
        "map-two",
        (
            f"{CAR} {MUG} --scale run --query mean --layer 4: --reduce mean {EMBEDDED}"
            f" --no-classify {SIZE} --out {{out}}",
        ),
    ),
    Case(
        "map-patch",
        (
            f"{CAR} --query patch:286,430 --layer 0,3,-1 --head 2 --threshold 0.4"
            f" --upsample bilinear --scale cell --colormap magma {EMBEDDED} --no-classify {SIZE}"
            " --json --out {out}",
        ),
    ),
    Case(
        "map-label",  # a classifier, and an input that is no picture
        (f"{CAT} assets/CREDITS.md --model {GIVEN}/tiny-a --out {{out}}",),
    ),
    Case("map-no-layer", (f"{CAT} --layer 99 {EMBEDDED} --no-classify --out {{out}}",)),
    Case("map-no-model", (f"{CAT} --model no-such/model --out {{out}}",)),
    # figures
    Case(
        "compare",
        (
            f"compare {CAR} {MUG} {CAT} {EMBEDDED} --no-classify --parts examples/parts.csv"
            " --out {out}",
        ),
    ),
    Case(
        "compare-layers",
        (
            f"compare {CAR} {CAT} {EMBEDDED} --no-classify {SIZE} --layer all --head 5"
            " --show overlay --scale image --json --out {out}",
        ),
    ),
    Case(
        "compare-models",
        (
            f"compare {CAT} --models {GIVEN}/tiny-a {GIVEN}/tiny-b --label class-1 --show mask"
            " --out {out}",
        ),
    ),
    Case("explore", (f"explore {CAR} {EMBEDDED} --out {{out}}",)),
    Case(
        "explore-two",
        (f"explore {CAR} {MUG} {EMBEDDED} {SIZE} --query mean --layer 0,-1 --json --out {{out}}",),
    ),
    # ranking and what is done with it
    Case("rank", (f"rank {FLANGES} {EMBEDDED} --out {{out}}",)),
    Case(
        "rank-rows",  # the second one reads what the first one kept, and finds its truth elsewhere
        (
            f"rank {FLANGES} {EMBEDDED} {SIZE} --rows {{out}}/rows --out {{out}}/folder",
            f"rank --images {FLANGES}/test/pit --masks {FLANGES}/ground_truth/pit"
            f" --golden {FLANGES}/train/good --by ap --folds 3 --seed 1 {EMBEDDED} {SIZE}"
            " --rows {out}/rows --json --out {out}/masks",
        ),
    ),
    Case("rank-portrait", (f"rank {FLANGES}/test/good {EMBEDDED} {SIZE} --out {{out}}",)),
    Case("recipe", (f"{FLANGES}/test/scratch/03.jpg {RECIPE} --out {{out}}",), ("rank",)),
    # reviews
    Case(
        "review-recipe",
        (
            f"review {FLANGES}/test/good {FLANGES}/test/pit {FLANGES}/test/scratch {RECIPE}"
            " --export all --out {out}",
        ),
        ("rank",),
    ),
    Case("review", (f"review {FLANGES}/test/pit {EMBEDDED} --out {{out}}",)),
    Case(
        "review-shards",
        (
            *(
                f"review {FLANGES}/test/pit {EMBEDDED} {SIZE} --layer 3 --head 1 --threshold 2x"
                f" --min-area 20 --merge 8 --export all --shard {shard} --out {{out}}"
                for shard in ("1/2", "2/2")
            ),
            "merge {out}",
        ),
    ),
    # the path without a model
    Case(
        "soart-tables",
        (
            f"soart metrics --standard {STANDARD} --images {LOT}/good --out {{out}}/tables",
            f"soart metrics --standard {STANDARD} --images {LOT} --as valid --out {{out}}/tables",
            "soart attend --learn {out}/tables --valid {out}/tables --out {out}/safe",
            "soart attend --learn {out}/tables --valid {out}/tables --mode exact --qkv Y1,Y2,Y3"
            " --no-excel --json --out {out}/exact",
            f"soart metrics --standard {LOT}/good --images {LOT}/missing-mark --variant rt"
            " --out {out}/rt",
            f"soart metrics --standard {STANDARD} --images {LOT}/missing-mark --decimals 3"
            " --variant sum-chebyshev --color rgb-split --grid 3x3 --json --out {out}/chebyshev",
        ),
        light=True,
    ),
    Case(
        "soart-verdict",
        (f"soart verdict --standard {STANDARD} --images {LOT} --out {{out}}",),
        light=True,
    ),
    Case(
        "soart-verdict-new",
        (
            f"soart verdict --standard {STANDARD} --images {LOT} --new {LOT}/missing-mark"
            " --classifiers none --members 6 --no-excel --json --out {out}",
        ),
        light=True,
    ),
    Case(
        "soart-map",
        (f"soart map --standard {STANDARD} {LOT}/missing-mark/01.jpg --out {{out}}",),
        light=True,
    ),
    Case(
        "soart-map-good",
        (f"soart map --standard {LOT}/good {LOT}/missing-disc --scale good --json --out {{out}}",),
        light=True,
    ),
    Case(
        "soart-map-author",
        (
            f"soart map --standard {STANDARD} {LOT}/missing-mark/01.jpg --blur 0 --tolerance 0"
            " --align off --gain off --color rgb --upsample bilinear --out {out}",
        ),
        light=True,
    ),
]
