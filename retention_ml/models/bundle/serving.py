"""What MLflow runs when somebody loads a version: a bundle of text files behind `predict`.

The copy in a version imports `Bundle` from the code that travels with it. MLflow runs that copy once
while it is logged, where there is no such code yet, so the import is late.
"""

from pathlib import Path

import mlflow
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from mlflow.pyfunc import PythonModel, PythonModelContext


class Churn(PythonModel):  # type: ignore[misc]
    """Churn probabilities of rows of `features.customer_daily`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read and check the bundle."""
        from retention_ml.models.bundle import Bundle

        self._bundle = Bundle.load(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002
        model_input: pd.DataFrame,
        params: object = None,  # noqa: ARG002
    ) -> npt.NDArray[np.float64]:
        """Calibrated churn probabilities, shape (n,)."""
        columns = {
            name: pa.array(model_input[name].to_numpy(dtype=np.float64))
            for name in self._bundle.features
            if name in model_input
        }
        return self._bundle.predict(pa.table(columns))


mlflow.models.set_model(Churn())
