from .box_prompt import BoxPrompt as BoxPrompt
from .click import Click as Click
from .prompt import Prompt as Prompt
from .sequence import (
    DRAWN as DRAWN,
    KINDS as KINDS,
    Prompts as Prompts,
    prompt_from_json as prompt_from_json,
)
from .simulated import jittered_click as jittered_click, simulated_click as simulated_click
from .stroke import Stroke as Stroke
from .tensors import PromptTensors as PromptTensors, prompt_maps as prompt_maps
