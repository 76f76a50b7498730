from .prediction import Prediction as Prediction
from .predictor import Predictor as Predictor
from .replay import Cancelled as Cancelled, ClickReplay as ClickReplay
from .session import InteractiveSession as InteractiveSession
