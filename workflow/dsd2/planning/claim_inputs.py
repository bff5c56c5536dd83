"""What judging the claims of the paper takes: which studies decide them, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dsd2 import paths
from dsd2.analysis.registered import FIGURES
from dsd2.analysis.scorecard_text import HEADING, scorecard_lines
from dsd2.config.study import Study
from dsd2.errors import UserError
from dsd2.planning.chains import Plan


class ClaimInputs:
    """The inputs and parameters of the scorecard of a plan's studies.

    Those of the scorecard's rules raise UserError where no study decides any claim.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def metrics(self) -> list[str]:
        """The metrics of the studies that decide claims."""
        return [paths.STUDY_METRICS.format(study=study.folder) for study in self._deciding()]

    def figures(self) -> list[str]:
        """The figures that the scorecard links to."""
        return [figure for study in self._deciding() if (figure := _figure(study)) is not None]

    def entries(self) -> list[dict[str, Any]]:
        """How the scorecard sees each of the studies, as plain values."""
        return [self._entry(study) for study in self._deciding()]

    def left_out(self) -> dict[str, str]:
        """Why claims are not tried whose studies were left out, by their names."""
        return {
            claim: str(study.lacks)
            for study in reversed(self._plan.left_out.values())
            for claim in study.claims
        }

    def outcome(self, name: str) -> list[str]:
        """For the terminal, the scorecard of a name; nothing where there is none."""
        from dsd2.files.claim_records import CLAIMS
        from dsd2.files.records import read_table

        file = self._plan.placed(paths.CLAIMS.format(claims=name, format="parquet"))
        if not Path(file).exists():
            return []
        try:
            rows = read_table(Path(file), CLAIMS, {"claims": name}).to_pylist()
        except UserError as error:
            return [str(error)]
        where = f"The scorecard is in {Path(file).with_suffix('.md')}"
        return [f"{HEADING}:", *(f"  {line}" for line in scorecard_lines(rows)), where]

    def _entry(self, study: Study) -> dict[str, Any]:
        view, figure = self._plan.view(study.folder), _figure(study)
        shown = {key: arm for key, arm in study.arms.items() if arm.show}
        return {
            "study": study.folder,
            "claims": study.claims,
            "figure": None if figure is None else self._plan.placed(figure),
            "labels": view.labels,
            "settings": [e for e in view.settings if (e["panel"], e["name"]) in shown],
            "networks": [arm.model.title for arm in shown.values()],
            "datasets": [arm.dataset.name for arm in shown.values()],
            **view.analysis,
        }

    def _deciding(self) -> list[Study]:
        studies = self._plan.studies.values()
        found = [study for study in studies if study.claims and study.trains]
        if not found:
            raise UserError(
                "claims: no study here says by its config key claims which claims of the paper it"
                " decides; those of --configfile config/claims.yaml do"
            )
        return found


def _figure(study: Study) -> str | None:
    if not study.figure or "sdd" not in study.figures:
        return None
    name = FIGURES["sdd"].file or "sdd"
    return paths.FIGURE.format(study=study.folder, figure=name, format="png")
