"""What label issues are made from: the input functions of their rules, without Snakemake."""

from __future__ import annotations

from typing import Any

from dsd2 import paths
from dsd2.config.arms import Arm
from dsd2.data.own import OwnDataset
from dsd2.errors import UserError
from dsd2.files.decision import chain_identity
from dsd2.planning.chain import Chain, gate_file
from dsd2.planning.chains import Plan
from dsd2.planning.view import exported_arm, issue_results, listed_arms


class IssueInputs:
    """The inputs of a plan's jobs that judge labels; methods raise as those of ``Inputs``."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def scores(self, run: str, stop: str, last: int) -> dict[str, str]:
        """What a chain's networks are judged by: its table, its networks, and gates as they come.

        The gates are here so that the networks grow with them, as those of the chain's table do.
        """
        names = {"run": run, "stop": stop}
        inputs = {**self._plan.data_files(run), "chain": paths.CHAIN.format(**names, last=last)}
        gated = self._plan.policy(run, stop).gated
        for i in self._plan.requested(run, stop, last):
            number = paths.number(i)
            inputs[f"checkpoint_{number}"] = paths.CHECKPOINT.format(run=run, i=number)
            if gated:
                inputs[f"gate_{number}"] = gate_file(run, stop, i)
        return inputs

    def issues(self, folder: str, listed: str) -> dict[str, Any]:
        """The scores of an arm's chains, its images and labels, and the choices it waits for."""
        chains = self._chains(folder, listed)
        inputs: dict[str, Any] = {
            **self._plan.data_files(chains[0].run),
            "scores": [_scores(chain) for chain in chains],
            "choices": list(dict.fromkeys(choice for c in chains for choice in c.choices)),
        }
        recipe = chains[0].arm.dataset
        if isinstance(recipe, OwnDataset):
            inputs["images"] = paths.IMAGES.format(dataset=paths.dataset_name(recipe))
        return inputs

    def entries(self, folder: str, listed: str) -> dict[str, Any]:
        """Whose label issues they are: arguments of ``run_label_issues``."""
        chains = self._chains(folder, listed)
        arm = chains[0].arm
        known = [] if arm.noise.kind == "none" else ["train"]
        if known and arm.noise.validation == "noisy":
            known.append("validation")
        return {
            "arm": self._plan.view(folder).labels[arm.name],
            "truth": known,
            "chains": [
                {
                    "path": self._plan.placed(_scores(chain)),
                    "identity": {
                        **chain_identity(chain.run, arm.stopping.slug, arm.last),
                        "labels": self._labels(chain),
                    },
                }
                for chain in chains
            ],
        }

    def exported(self, folder: str, network: str) -> list[str]:
        """What an exported network's card tells of labels: nothing where it is not to wait for it.

        It is what the network's own arm finds, or the first arm that looks.
        """
        study = self._plan.study(folder)
        arms = listed_arms(study) if study.label_issues.always else {}
        own = exported_arm(study, network)
        found = [name for name, arm in arms.items() if arm == own] or list(arms)
        names = {"study": folder, "format": "parquet"}
        return [paths.LABEL_ISSUES.format(**names, listed=name) for name in found[:1]]

    def results(self) -> list[str]:
        """The files of label issues of all studies.

        Raises:
            UserError: no study trains a network.
        """
        found = [path for study in self._plan.studies.values() for path in issue_results(study)]
        if not found:
            raise UserError("label_issues: no study here trains a network")
        return found

    def _chains(self, folder: str, listed: str) -> list[Chain]:
        """An arm's chains, one a seed, as far as they were trained on the first one's labels."""
        study = self._plan.study(folder)
        arms: dict[str, Arm] = listed_arms(study)
        if listed not in arms:
            raise UserError(
                f"{paths.STUDY.format(study=folder)}/label_issues has no {listed}; it may have"
                f" {', '.join(arms)}"
            )
        chains = [self._plan.chain(study, arms[listed], seed) for seed in study.seeds]
        return [chain for chain in chains if self._labels(chain) == self._labels(chains[0])]

    def _labels(self, chain: Chain) -> str:
        recipe = self._plan.recipe(chain.run)
        return paths.labels_name(recipe.dataset, recipe.noise)


def _scores(chain: Chain) -> str:
    arm = chain.arm
    return paths.LABEL_SCORES.format(run=chain.run, stop=arm.stopping.slug, last=arm.last)
