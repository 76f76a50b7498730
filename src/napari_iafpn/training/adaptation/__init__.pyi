from .learner import Learner as Learner, tried as tried
from .objects import (
    object_sample as object_sample,
    open_objects as open_objects,
    write_objects as write_objects,
)
from .run import (
    AdaptRequest as AdaptRequest,
    run_adaptation as run_adaptation,
    step_back as step_back,
)
from .update import adapt as adapt
from .wording import (
    EVERY as EVERY,
    LEAST_PIXELS as LEAST_PIXELS,
    TRIED as TRIED,
    is_better as is_better,
    learned_sentence as learned_sentence,
)
