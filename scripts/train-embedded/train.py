"""Train vitmap's embedded model by distillation. See README.md beside this file.

    python scripts/train-embedded/train.py --out ../embedded --hours 2

Run the same command again to continue from the last checkpoint, with other ``--hours`` if need be.
"""

import argparse
import signal
import time
from pathlib import Path

import checkpoint
import held_out
import losses
import numpy as np
import optimiser
import schedule
import student
import torch
import views
from teacher import Teacher
from torch import nn

import pictures

SHARED = Path(__file__).resolve().parents[3] / "shared"
LAYER_ROWS = 48  # patches whose attention rows are matched in each step, beside CLS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pictures", type=Path, default=SHARED / "train/caltech101-part.tar")
    parser.add_argument("--teacher", type=Path, default=SHARED / "models/dinov2-small-saliency")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and learning curve")
    parser.add_argument(
        "--cache", type=Path, help="decoded pictures and views (default: OUT/cache)"
    )
    parser.add_argument(
        "--hours", type=float, default=2.0, help="the whole budget, earlier runs included"
    )
    parser.add_argument("--stop-after", type=float, help="stop after so many hours, resumable")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--optimiser", choices=("muon", "adamw"), default="muon")
    parser.add_argument(
        "--measure-every", type=float, default=240, help="seconds between measurements"
    )
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


class Run:
    """The state of a training run: models, optimisers, clock, best score."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(args.seed)
        self.cache = args.cache or args.out / "cache"
        args.out.mkdir(parents=True, exist_ok=True)
        self.train_set, unseen = pictures.split(pictures.decode(args.pictures, self.cache))
        self.teacher = Teacher(args.teacher, student.attention(self.device)).to(self.device)
        self.model = student.build(self.device)
        widths = self.model.config.hidden_size, self.teacher.backbone.config.hidden_size
        self.bridge = student.Bridge(*widths).to(self.device)
        self.optimisers = optimiser.build([self.model, self.bridge], args.lr, args.optimiser)
        self.smooth = {k: v.detach().float().clone() for k, v in self.model.state_dict().items()}
        self.step, self.spent, self.best, self.seen = 0, 0.0, -1.0, 0
        self.references = held_out.references(unseen, self.teacher, self.cache, self.device)
        self.pools: dict[int, list[views.Shard]] = {}
        self.resume()
        self.started = time.time() - self.spent

    def resume(self) -> None:
        state = checkpoint.load(self.args.out / "last.pt")
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.bridge.load_state_dict(state["bridge"])
        self.smooth = {k: v.to(self.device) for k, v in state["smooth"].items()}
        for built, saved in zip(self.optimisers, state["optimisers"], strict=True):
            built.load_state_dict(saved)
        self.step, self.spent, self.best, self.seen = (
            state[k] for k in ("step", "spent", "best", "seen")
        )
        print(f"resumed at step {self.step}, {self.spent / 3600:.2f} h spent", flush=True)

    def save(self, name: str = "last.pt") -> None:
        state = {
            "model": self.model.state_dict(),
            "bridge": self.bridge.state_dict(),
            "smooth": self.smooth,
        }
        state["optimisers"] = [o.state_dict() for o in self.optimisers]
        for key in ("step", "spent", "best", "seen"):
            state[key] = getattr(self, key)
        checkpoint.save(self.args.out / name, state)

    def pool(self, size: int, count: int) -> list[views.Shard]:
        if len(self.pools.get(size, [])) < count:
            self.pools[size] = views.shards(
                self.train_set, self.teacher, size, count, self.cache, self.device
            )
        return self.pools[size]

    def learn(
        self, rng: np.random.Generator, generator: torch.Generator, share: float
    ) -> dict[str, float]:
        """One step; returns the terms of the loss."""
        stage = schedule.stage(share)
        size = int(rng.choice(list(stage.odds), p=list(stage.odds.values())))
        pixels, hidden = views.draw(self.pool(size, stage.shards[size]), schedule.BATCH[size], rng)
        images = views.jitter(student.normalise(pixels.to(self.device)), generator)
        patches = torch.from_numpy(rng.permutation((size // student.PATCH) ** 2)[:LAYER_ROWS] + 1)
        rows = torch.cat([torch.zeros(1, dtype=torch.long), patches]).to(self.device)
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16):
            seen = student.see(self.model, images, rows)
            terms = losses.distillation(
                seen, hidden.to(self.device).float(), rows, self.teacher, self.bridge
            )
            loss = losses.total(terms)
        for one in self.optimisers:
            one.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*self.model.parameters(), *self.bridge.parameters()], 3.0)
        optimiser.set_rate(self.optimisers, schedule.rate(share, self.args.lr))
        for one in self.optimisers:
            one.step()
        checkpoint.average(self.smooth, self.model.state_dict(), self.step)
        self.step += 1
        self.seen += len(images)
        return {"loss": loss.item()} | {k: v.item() for k, v in terms.items()}

    def measure(self, recent: dict[str, float]) -> None:
        """Measure the averaged weights, append to the learning curve, keep the best."""
        fast = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.smooth)
        figures = held_out.measure(self.model, self.references, self.device)
        self.model.load_state_dict(fast)
        score = float(np.mean([v for k, v in figures.items() if k.startswith("spearman")]))
        row = {
            "minutes": self.spent / 60,
            "step": self.step,
            "views": self.seen,
            **figures,
            **recent,
        }
        held_out.record(self.args.out / "learning-curve.csv", row)
        print("held out:", " ".join(f"{k} {v:.3f}" for k, v in figures.items()), flush=True)
        if score > self.best:
            self.best = score
            checkpoint.save(
                self.args.out / "best.pt",
                {"smooth": self.smooth, "step": self.step, "score": score},
            )
        self.save()

    def go(self) -> None:
        budget = self.args.hours * 3600
        stop = min(budget, (self.args.stop_after or self.args.hours) * 3600)
        rng = np.random.default_rng([self.args.seed, self.step])
        generator = torch.Generator().manual_seed(self.args.seed + self.step)
        recent: list[dict[str, float]] = []
        measured, told, before = self.spent, self.spent, self.seen
        asked: list[int] = []  # a polite kill, or Ctrl-C, ends the run after the step it is in
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: asked.append(number))
        while self.spent < stop and not asked:
            recent.append(self.learn(rng, generator, self.spent / budget))
            self.spent = time.time() - self.started
            if self.spent - told > 20:
                speed = (self.seen - before) / (self.spent - told)
                loss = np.mean([r["loss"] for r in recent[-50:]])
                left = (budget - self.spent) / 60
                print(
                    f"{self.spent / 60:6.1f} min, step {self.step}: loss {loss:.3f}, "
                    f"{speed:.1f} pictures/s, {left:.0f} min left",
                    flush=True,
                )
                told, before = self.spent, self.seen
            if self.spent - measured > self.args.measure_every:
                self.measure({k: float(np.mean([r[k] for r in recent])) for k in recent[0]})
                self.spent = time.time() - self.started
                recent, measured, told, before = [], self.spent, self.spent, self.seen
        if asked:
            self.save()
        elif recent:
            self.measure({k: float(np.mean([r[k] for r in recent])) for k in recent[0]})


if __name__ == "__main__":
    Run(arguments()).go()
