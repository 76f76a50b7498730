from .geometry import Box as Box
from .inference import (
    InteractiveSession as InteractiveSession,
    Prediction as Prediction,
    Predictor as Predictor,
)
from .prompts import (
    BoxPrompt as BoxPrompt,
    Click as Click,
    Prompts as Prompts,
    Stroke as Stroke,
)

__version__: str
