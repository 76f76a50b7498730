from .events import (
    ClickComparison as ClickComparison,
    Clicks as Clicks,
    Command as Command,
    Done as Done,
    Event as Event,
    Failed as Failed,
    Measured as Measured,
    Phase as Phase,
    Saved as Saved,
    Step as Step,
    Surveyed as Surveyed,
    event_from_json as event_from_json,
    event_to_json as event_to_json,
)
from .request import (
    LEVELS as LEVELS,
    FinetuneRequest as FinetuneRequest,
    outputs_of as outputs_of,
)
from .run import finetune as finetune
