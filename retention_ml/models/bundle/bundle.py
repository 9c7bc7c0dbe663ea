"""A model as a folder of text files with one digest: no code in it, nothing to unpickle."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import numpy as np
import pyarrow as pa

from retention_ml.errors import UnfitModel, UsageError
from retention_ml.models.bundle import timing
from retention_ml.models.predictors.blend import SINGLE_KINDS, UNREADABLE, Blend
from retention_ml.models.predictors.paced import Paced
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.predictors.threads import with_threads
from retention_ml.statistics.arrays import Floats, sigmoid

FORMAT = 1
_FILE_BYTES_MAX = 64 * 1024 * 1024
TOTAL_BYTES_MAX = 256 * 1024 * 1024
FILES_MAX = 256
_NAME_LENGTH_MAX = 100
# So many rows are predicted and explained at once: memory does not grow with the shop.
PART_ROWS = 65_536
_KINDS: dict[str, Any] = {**SINGLE_KINDS, Blend.kind: Blend, Paced.kind: Paced}


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A model that predicts calibrated churn probabilities and explains them exactly.

    Made by `Bundle.of` from a fitted model or by `Bundle.load` from a folder.

    Parameters
    ----------
    manifest : dict
        `format`, `kind`, `model_name`, `features`, `calibration` (`slope`, `intercept`), and
        what the model stands for: `definition`, `definition_hash`, `as_of`, `cutoffs`,
        `data_digest`, `training_id`, and `timing` if it was fitted (see `bundle.timing`).
    predictor : Predictor
        The model proper.
    contents : mapping of str to bytes
        All files by name.
    sha256 : str
        Digest over the sorted file names and their bytes.
    """

    manifest: Mapping[str, Any]
    predictor: Predictor
    contents: Mapping[str, bytes]
    sha256: str

    @property
    def features(self) -> tuple[str, ...]:
        """The features it needs, in its order."""
        return tuple(self.manifest["features"])

    @property
    def model_name(self) -> str:
        """Name of the candidate it came from."""
        return str(self.manifest["model_name"])

    @property
    def training_id(self) -> str | None:
        """The training it came from, None where the manifest names none."""
        training_id = self.manifest.get("training_id")
        return None if training_id is None else str(training_id)

    @property
    def calibration(self) -> tuple[float, float]:
        """Slope and intercept by which the predictor's log-odds are calibrated."""
        calibration = self.manifest["calibration"]
        return float(calibration["slope"]), float(calibration["intercept"])

    @classmethod
    def of(
        cls,
        predictor: Predictor,
        *,
        model_name: str,
        features: tuple[str, ...],
        slope: float,
        intercept: float,
        threads: int = 1,
        **meaning: Any,
    ) -> Self:
        """The bundle of a fitted model; `meaning` goes into the manifest as it is.

        `threads` are those to predict with, whatever it was fitted with.
        """
        manifest = {
            "format": FORMAT,
            "kind": predictor.kind,
            "model_name": model_name,
            "features": list(features),
            "calibration": {"slope": slope, "intercept": intercept},
            **meaning,
        }
        text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=True)
        contents = {**predictor.files(), "manifest.json": text.encode()}
        return cls.from_contents(contents, threads=threads)

    @classmethod
    def load(
        cls,
        folder: Path,
        sha256: str | None = None,
        *,
        threads: int = 1,
        tables: Path | None = None,
    ) -> Self:
        """The bundle in a folder.

        Parameters
        ----------
        folder : Path
            Holds `manifest.json` and the model's files, nothing else.
        sha256 : str, optional
            The digest it must have; without it the digest is only computed.
        threads : int
            Threads to predict with.
        tables : Path, optional
            Folder in which the tables of its trees are kept for the next process.

        Raises
        ------
        UnfitModel
            The folder is no bundle, its digest is another, or a file in it is not sound.
        """
        contents = read_contents(Path(folder))
        actual = digest(contents)
        if sha256 is not None and actual != sha256:
            raise UnfitModel(
                f"The bundle has the digest {actual[:12]}, expected {sha256[:12]}: its files were "
                "changed after they were registered. It is not served. Serve another version."
            )
        return cls.from_contents(contents, threads=threads, tables=tables)

    @classmethod
    def from_contents(
        cls, contents: Mapping[str, bytes], *, threads: int = 1, tables: Path | None = None
    ) -> Self:
        """The bundle of files by name; every file is checked before it is used."""
        try:
            manifest = json.loads(contents["manifest.json"])
            features = tuple(str(name) for name in manifest["features"])
            slope = float(manifest["calibration"]["slope"])
            intercept = float(manifest["calibration"]["intercept"])
            kind = _KINDS[manifest["kind"]]
            sound = (
                manifest["format"] == FORMAT
                and bool(np.isfinite([slope, intercept]).all())
                and slope >= 0
                and len(set(features)) == len(features) > 0
                and all(isinstance(name, str) for name in manifest["features"])
                and _is_name(manifest["model_name"])
                and _is_name(manifest.get("training_id") or "none")
            )
            predictor = kind.from_files(dict(contents), features)
            foreign = sorted(set(contents) - set(predictor.files()) - {"manifest.json"})
        except UNREADABLE as error:
            raise UnfitModel(
                f"The bundle cannot be read ({type(error).__name__}: {str(error)[:80]}). Expected "
                f"a manifest of format {FORMAT} and the files it names. Serve another version."
            ) from error
        if not sound:
            raise UnfitModel(
                f"The bundle's manifest has format {str(manifest['format'])[:40]!r} or a name, "
                f"calibration or features that make no sense; expected format {FORMAT}. Serve "
                "another version."
            )
        if foreign:
            raise UnfitModel(
                f"The bundle holds {len(foreign)} files that a {manifest['kind']} model does not "
                f"have, the first is {foreign[0][:80]!r}. Serve another version, or train anew."
            )
        timing.of_manifest(manifest)  # refused here, not in the middle of scoring
        return cls(
            manifest=manifest,
            predictor=with_threads(predictor, threads, tables),
            contents=dict(contents),
            sha256=digest(contents),
        )

    def write(self, folder: Path) -> Path:
        """Write the files into a folder that appears complete or not at all; the folder."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = folder.parent / f".{folder.name}.{uuid4().hex}"
        partial.mkdir()
        for name, content in self.contents.items():
            (partial / name).write_bytes(content)
        try:
            os.rename(partial, folder)
        except OSError:
            # Another process was first, or what stands there is damaged: keep what is sound.
            try:
                Bundle.load(folder, self.sha256)
                shutil.rmtree(partial)
            except UnfitModel:
                shutil.rmtree(folder, ignore_errors=True)
                os.rename(partial, folder)
        return folder

    def values(self, table: pa.Table) -> Floats:
        """The feature matrix, shape (n, k), of a table that has every feature; NaN where null.

        It lies column by column in memory, as the table does.

        Raises
        ------
        UsageError
            A feature column is missing or not numeric, or holds an infinite value.
        """
        absent = [name for name in self.features if name not in table.column_names]
        if absent:
            raise UsageError(
                f"The table lacks {len(absent)} of the {len(self.features)} features of model "
                f"{self.model_name}, the first is {absent[0]!r}. Build the features of that day "
                "with this version, or serve a model trained on the features at hand."
            )
        values = np.empty((table.num_rows, len(self.features)), order="F")
        for j, name in enumerate(self.features):
            column = table[name]
            types = (pa.types.is_integer, pa.types.is_floating, pa.types.is_null)
            if not any(is_type(column.type) for is_type in types):
                raise UsageError(
                    f"Feature {name!r} is of type {column.type}, expected numbers. "
                    "Read it from features.customer_daily."
                )
            values[:, j] = column.cast(pa.float64(), safe=False).to_numpy()
        infinite = np.isinf(values).any(axis=0)
        if infinite.any():
            first = int(np.argmax(infinite))
            raise UsageError(
                f"Feature {self.features[first]!r} is infinite in "
                f"{int(np.isinf(values[:, first]).sum()):,} rows; expected finite numbers, or "
                "nothing where the value is not known. Nothing was predicted."
            )
        return values

    def predict(self, table: pa.Table) -> Floats:
        """Calibrated churn probabilities, shape (n,), strictly within 0 and 1.

        Raises
        ------
        UsageError
            See `values`.
        """
        margins = [self.predictor.margin(self.values(part)) for part in parts_of(table)]
        return sigmoid(self._calibrated(np.concatenate(margins)))

    def contributions(self, table: pa.Table) -> tuple[Floats, float]:
        """What each feature adds to the log-odds of churn, exactly.

        Returns
        -------
        contributions : array of float64, shape (n, k)
            In the order of `features`.
        base : float
            Log-odds with nothing known; base + sum over features = log-odds of `predict`.

        Raises
        ------
        UsageError
            See `values`.
        """
        slope, intercept = self.calibration
        added, base = self.predictor.contributions(self.values(table))
        added *= slope  # nobody else has it, and it is as large as the values
        return added, slope * base + intercept

    def _calibrated(self, margin: Floats) -> Floats:
        slope, intercept = self.calibration
        return slope * margin + intercept


def parts_of(table: pa.Table) -> Iterator[pa.Table]:
    """The rows of a table in turn, at most `2 * PART_ROWS` at once; one part where it is empty."""
    count = max(table.num_rows // PART_ROWS, 1)
    bounds = [table.num_rows * part // count for part in range(count + 1)]
    for begin, end in pairwise(bounds):
        yield table.slice(begin, end - begin)


def _is_name(text: object) -> bool:
    """Whether it can be written down and shown: what the manifest names goes into the ledger."""
    return isinstance(text, str) and 1 <= len(text) <= _NAME_LENGTH_MAX and text.isprintable()


def read_contents(folder: Path) -> dict[str, bytes]:
    """The files of a bundle by name, as they are: none is parsed.

    Raises
    ------
    UnfitModel
        The folder has no manifest, holds something else than plain files, or is too large.
    """
    if not (folder / "manifest.json").is_file():
        raise UnfitModel(
            f"{folder.name} is no model bundle: it has no manifest.json. "
            "Serve another version, or train anew."
        )
    paths = sorted(folder.iterdir())
    if len(paths) > FILES_MAX or any(not p.is_file() or p.is_symlink() for p in paths):
        raise UnfitModel(
            f"The bundle {folder.name} holds folders, links or more than {FILES_MAX} files; "
            "expected plain text files only. Serve another version, or train anew."
        )
    sizes = [path.stat().st_size for path in paths]
    if max(sizes) > _FILE_BYTES_MAX or sum(sizes) > TOTAL_BYTES_MAX:
        raise UnfitModel(
            f"The bundle {folder.name} has {sum(sizes):,} bytes, {max(sizes):,} in its largest "
            f"file; at most {TOTAL_BYTES_MAX:,} and {_FILE_BYTES_MAX:,} are accepted. It was "
            "not read. Serve another version, or train anew."
        )
    return {path.name: path.read_bytes() for path in paths}


def digest(contents: Mapping[str, bytes]) -> str:
    """SHA-256 over the sorted file names and their bytes, lengths included."""
    total = hashlib.sha256()
    for name in sorted(contents):
        total.update(f"{name}\0{len(contents[name])}\0".encode())
        total.update(contents[name])
    return total.hexdigest()
