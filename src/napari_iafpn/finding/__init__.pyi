from .exemplars import Exemplars as Exemplars, Kinds as Kinds
from .find import find_similar as find_similar
from .proposals import DEFAULT_QUALITY as DEFAULT_QUALITY, Proposal as Proposal
from .quality import quality_alone as quality_alone
