from .cascade import Cascade as Cascade, build_cascade as build_cascade
from .checkpoint import (
    load_cascade as load_cascade,
    read_card as read_card,
    read_config as read_config,
    save_cascade as save_cascade,
    write_atomically as write_atomically,
)
from .config import (
    PRESETS as PRESETS,
    CascadeConfig as CascadeConfig,
    LevelConfig as LevelConfig,
    preset as preset,
)
from .level import Level as Level
from .models import ModelCard as ModelCard, find_model as find_model, model_names as model_names
