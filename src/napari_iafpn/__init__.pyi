from .clicks import (
    BoxPrompt as BoxPrompt,
    Click as Click,
    ClickSequence as ClickSequence,
    Stroke as Stroke,
)
from .geometry import Box as Box
from .inference import (
    InteractiveSession as InteractiveSession,
    Prediction as Prediction,
    Predictor as Predictor,
)

__version__: str
