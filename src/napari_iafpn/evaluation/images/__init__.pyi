from .annotating import ImageProtocol as ImageProtocol, annotate_image as annotate_image
from .report import write_image_report as write_image_report
from .result import ASSISTS as ASSISTS, ImageResult as ImageResult
from .run import ImageEvaluation as ImageEvaluation, evaluate_images as evaluate_images
