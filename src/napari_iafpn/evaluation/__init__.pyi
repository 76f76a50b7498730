from .masks import MaskCode as MaskCode
from .metrics import clicks_needed as clicks_needed
from .protocol import (
    PRESETS as PRESETS,
    Annotation as Annotation,
    ObjectResult as ObjectResult,
    Protocol as Protocol,
    annotate as annotate,
    evaluate_object as evaluate_object,
    evaluate_set as evaluate_set,
)
from .readers import (
    FORMATS as FORMATS,
    AnnotatedSet as AnnotatedSet,
    LayerSet as LayerSet,
    Sample as Sample,
    open_set as open_set,
)
from .report import (
    Comparison as Comparison,
    Summary as Summary,
    compare as compare,
    summarise as summarise,
    write_report as write_report,
)
from .run import (
    Evaluation as Evaluation,
    EvaluationProgress as EvaluationProgress,
    Problem as Problem,
    Results as Results,
    evaluate as evaluate,
)
from .statistics import (
    Interval as Interval,
    compare_paired as compare_paired,
    mean_interval as mean_interval,
)
