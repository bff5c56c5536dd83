"""How well a chain's networks tell wrong labels, against cross-validation by the same network.

    python tests/benchmarks/label_issues.py KEPT [--case NAME …] [--seeds N] [--data ROOT]
        [--images N] [--epochs N] [--distilled]

KEPT is a folder where networks' answers are kept: a second call compares scores without training.
ROOT has CIFAR-10 in a folder ``cifar10``, with the labels that people gave. Without it the digits
alone are looked at. A seed of the digits takes about two minutes on one core, one of CIFAR-10 with
4,000 images and 20 epochs about twenty.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from label_chains import FOLDS, Answers, Case, answers
from sklearn.metrics import average_precision_score, roc_auc_score

from dsd2.analysis.label_noise import accuracy_without, estimate_noise, evidence
from dsd2.analysis.label_scores import DEFAULT_SCORE, ChainScores
from dsd2.analysis.suspicion import SCORES, agreement
from dsd2.recipe import DatasetRecipe, NoiseRecipe
from dsd2.seeds import be_deterministic

FIRST = (100, 500)
CROSS = "cross-validation"


def noise(kind: str, rate: float = 0.0, **others: object) -> NoiseRecipe:
    """Noise whose validation labels stay clean."""
    return NoiseRecipe.of(kind, rate=rate, seed=0, validation="clean", **others)


def cases(images: int, epochs: int) -> dict[str, Case]:
    """All cases by name; the arguments are of CIFAR-10."""
    digits = DatasetRecipe.of("digits", train=1200, test=None, validation=200, split_seed=0)
    cifar = DatasetRecipe.of("cifar10", train=images, test=400, validation=800, split_seed=0)
    people = noise("human", file="cifar10/labels_human.parquet", column="worse_label")
    found = [
        Case("digits-symmetric-30", digits, noise("symmetric", 0.3), 30, 0.9985),
        Case("digits-symmetric-30-brief", digits, noise("symmetric", 0.3), 4, 0.9985),
        Case("digits-pairflip-20", digits, noise("pairflip", 0.2), 30, 0.9985),
        Case("digits-clean", digits, noise("none"), 30, 0.9985),
        Case("cifar10-worse", cifar, people, epochs, 0.993),
        Case("cifar10-symmetric-40", cifar, noise("symmetric", 0.4), epochs, 0.993),
        Case("cifar10-clean", cifar, noise("none"), epochs, 0.993),
    ]
    return {case.name: case for case in found}


def gathered(found: Answers, chain: str, split: str = "") -> ChainScores:
    """The scores of a chain, of training images or of those of a split."""
    given = found["validation" if split else "given"]
    scores = ChainScores()
    columns = (found[chain + split], found[f"{chain}_sparsity"], found[f"{chain}_accuracy"])
    for probabilities, sparsity, accuracy in zip(*columns, strict=True):
        scores.add(probabilities, given, sparsity, accuracy)
    return scores


def ranked(found: Answers) -> Iterator[tuple[str, np.ndarray]]:
    """Every score of every chain by name, and that of cross-validation."""
    defaults = []
    for chain in ("vanilla", "distilled"):
        if chain in found:
            result = gathered(found, chain).result()
            yield from ((f"{chain} {name}", result[name]) for name in SCORES)
            defaults.append(result[DEFAULT_SCORE])
    if len(defaults) == 2:
        yield "agreement of both chains", agreement(*defaults)
    yield CROSS, 1 - found["cross"][np.arange(len(found["given"])), found["given"]]


def measures(score: np.ndarray, wrong: np.ndarray) -> list[float]:
    """AUROC, average precision, and precision among the first."""
    order = np.argsort(-score, kind="stable")
    first = [float(wrong[order[:n]].mean()) for n in FIRST]
    return [roc_auc_score(wrong, score), average_precision_score(wrong, score), *first]


def print_ranking(by_seed: list[Answers]) -> None:
    """A row a score: means over seeds, the AUROC's range, in how many seeds it wins."""
    table = defaultdict(list)
    for found in by_seed:
        wrong = found["given"] != found["clean"]
        for name, score in ranked(found):
            table[name].append(measures(score, wrong))
    print(f"    {'score':32}{'AUROC':>7} {'lowest':>8}–{'highest':7}{'AP':>7}", end="")
    print("".join(f"{f'of {n}':>8}" for n in FIRST), "  above cross-validation")
    for name, rows in table.items():
        auroc = [row[0] for row in rows]
        means = np.mean(rows, axis=0)
        against = table[CROSS][: len(rows)]
        above = sum(row[0] > other[0] for row, other in zip(rows, against, strict=True))
        print(
            f"    {name:28}{means[0]:7.4f} {min(auroc):8.4f}–{max(auroc):.4f} {means[1]:7.4f}",
            end="",
        )
        print("".join(f"{100 * share:7.1f}%" for share in means[2:]), f"  {above} of {len(rows)}")


def print_suggestions(by_seed: list[Answers]) -> None:
    """How often the likeliest other class is the true one, of the images with wrong labels."""
    shares = defaultdict(list)
    for found in by_seed:
        wrong = found["given"] != found["clean"]
        suggested = {
            chain: gathered(found, chain).result([])["suggested"]
            for chain in ("vanilla", "distilled")
            if chain in found
        }
        others = found["cross"].copy()
        others[np.arange(len(others)), found["given"]] = -1
        suggested[CROSS] = others.argmax(1)
        for name, classes in suggested.items():
            shares[name].append((classes == found["clean"])[wrong].mean())
    said = (
        f"{name} {100 * np.mean(values):.1f} % ({100 * min(values):.1f}–{100 * max(values):.1f})"
        for name, values in shares.items()
    )
    print("    suggested class is true, of wrong labels:", ", ".join(said))


def print_estimates(found: Answers, seed: int) -> None:
    """How many labels are said to be wrong, and how many are."""
    wrong = found["given"] != found["clean"]
    rows = np.arange(len(wrong))
    for chain in [name for name in ("vanilla", "distilled", "cross") if name in found]:
        if chain == "cross":
            score = 1 - found["cross"][rows, found["given"]]
            estimate = estimate_noise(score, [evidence(found["cross"], found["given"])])
        else:
            scores = gathered(found, chain)
            score = scores.result([DEFAULT_SCORE])[DEFAULT_SCORE]
            estimate = estimate_noise(score, [scores.evidence(seen=True)])
        order = np.argsort(-score, kind="stable")
        said = ", ".join(
            "of {} {:.0f} ({:.0f}–{:.0f}), truly {}".format(
                n, *estimate.expected_wrong(n), wrong[order[:n]].sum()
            )
            for n in FIRST
        )
        named = wrong[order[: estimate.count]]
        print(
            f"    seed {seed} {chain:10}{100 * wrong.mean():5.1f} % wrong, estimate"
            f" {100 * estimate.rate:.1f} ({100 * estimate.low:.1f}–{100 * estimate.high:.1f}) %;"
            f" names {estimate.count}, {len(named) - named.sum()} of them wrongly; {said}"
        )


def print_held_out(found: Answers, seed: int) -> None:
    """Validation labels: clean, and with a fifth of them made wrong after the training."""
    draws = np.random.default_rng(seed)
    clean, classes = found["validation"], found["cross"].shape[1]
    flipped = draws.permutation(len(clean))[: len(clean) // 5]
    noisy = clean.copy()
    noisy[flipped] = (noisy[flipped] + draws.integers(1, classes, len(flipped))) % classes
    right = noisy == clean
    answer = found["vanilla_validation"][found["vanilla_accuracy"].argmax()].argmax(1)
    for labels in (clean, noisy):
        scores = gathered({**found, "validation": labels}, "vanilla", "_validation")
        score = scores.result([DEFAULT_SCORE])[DEFAULT_SCORE]
        estimate = estimate_noise(score, [scores.evidence(seen=False)])
        correct, true = answer == labels, right if labels is noisy else np.ones_like(right)
        without = accuracy_without(correct, score, estimate)
        print(
            f"    seed {seed} validation {100 * (1 - true.mean()):5.1f} % wrong, estimate"
            f" {100 * estimate.rate:.1f} ({100 * estimate.low:.1f}–{100 * estimate.high:.1f}) %;"
            f" accuracy {100 * correct.mean():.1f} %, without wrong labels"
            f" {100 * without.value:.1f} ({100 * without.low:.1f}–{100 * without.high:.1f}) %,"
            f" truly {100 * (answer == clean)[true].mean():.1f} %"
        )


def print_cost(by_seed: list[Answers]) -> None:
    """Seconds of inference beside those of training, and of cross-validation."""
    training, inference = np.mean([found["vanilla_seconds"].sum(0) for found in by_seed], axis=0)
    cross = np.mean([found["cross_seconds"] for found in by_seed])
    iterations = len(by_seed[0]["vanilla"])
    print(
        f"    a seed's chain: {iterations} trainings, {training:.0f} s; its networks' answers"
        f" {inference:.1f} s; cross-validation: {FOLDS} more trainings, {cross:.0f} s"
    )


def main() -> None:
    """Train what is not kept, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kept", type=Path)
    parser.add_argument("--case", nargs="+", choices=list(cases(1, 1)))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--distilled", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    be_deterministic()
    roots = [] if chosen.data is None else [chosen.data]
    for name, case in cases(chosen.images, chosen.epochs).items():
        if chosen.case and name not in chosen.case:
            continue
        if name.startswith("cifar") and not roots:
            print(f"{name}: left out, for --data does not say where CIFAR-10 is")
            continue
        by_seed = [
            answers(case, seed, roots, chosen.kept, chosen.distilled)
            for seed in range(chosen.seeds)
        ]
        print(f"{name}: {case.dataset.train} images, {case.epochs} epochs, {len(by_seed)} seeds")
        if (by_seed[0]["given"] != by_seed[0]["clean"]).any():
            print_ranking(by_seed)
            print_suggestions(by_seed)
        for seed, found in enumerate(by_seed):
            print_estimates(found, seed)
            print_held_out(found, seed)
        print_cost(by_seed)


if __name__ == "__main__":
    main()
