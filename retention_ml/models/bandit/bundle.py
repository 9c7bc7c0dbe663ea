"""A bandit as text files with one digest: its state, how it explores, and what it stands for."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from retention_ml.errors import UnfitModel
from retention_ml.models.bandit.bandit import Parameters
from retention_ml.models.bandit.state import BanditState, from_json
from retention_ml.models.bundle.bundle import digest

FORMAT = 1
MANIFEST = "manifest.json"
STATE = "bandit.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditBundle:
    """All that a bandit decides by, besides the day's customers and actions.

    Parameters
    ----------
    explore_share : float
        What actions are to be drawn with together, where that is cheap.
    meaning : mapping
        Which outcome, by which churn definition, from which days.
    """

    state: BanditState
    parameters: Parameters
    explore_share: float
    meaning: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Digest over the sorted file names and their bytes."""
        return digest(self.files())

    def files(self) -> dict[str, bytes]:
        """The manifest and the state as named text files."""
        manifest = {
            "format": FORMAT,
            "parameters": asdict(self.parameters),
            "explore_share": self.explore_share,
            "meaning": dict(self.meaning),
        }
        text = json.dumps(manifest, indent=1, sort_keys=True, allow_nan=False)
        return {MANIFEST: text.encode(), STATE: self.state.to_json().encode()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        """What was written by `files`; UnfitModel where a file is missing or not sound."""
        try:
            manifest = json.loads(files[MANIFEST])
            if manifest["format"] != FORMAT or set(files) != {MANIFEST, STATE}:
                raise ValueError(manifest["format"])
            return cls(
                state=from_json(files[STATE].decode()),
                parameters=Parameters(**manifest["parameters"]),
                explore_share=float(manifest["explore_share"]),
                meaning=dict(manifest["meaning"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UnfitModel(
                f"The bandit's bundle cannot be read ({type(error).__name__}: {str(error)[:80]}). "
                f"Expected {MANIFEST} of format {FORMAT} and {STATE}. Train anew: "
                "`retention policies train`."
            ) from error
