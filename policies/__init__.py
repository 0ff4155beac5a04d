"""The policy language: documents of rules, translations, header exceptions and their own tests.

In: a checked `Document` and the `Facts` of one request. Out: a `Decision`, pure and explainable. `policies.load` reads
documents from TOML (it needs pydantic and files, so it is not imported from here).

Not for: acting on a decision, and never for SIP: this room knows nothing of `sbc`.
"""

from policies.compile import compile_condition
from policies.errors import Finding, PolicyErrors, suggest
from policies.evaluate import DEFAULT_RULE, Decision, evaluate, translate
from policies.explain import Explanation, Tried, explain
from policies.facts import Facts, Message, Party, Source, number_of
from policies.model import Action, Condition, Document, HeaderRule, Rule, Translation, Trial
from policies.trial import Identify, TrialResult, run_tests, trial_facts

__all__ = [
    "DEFAULT_RULE",
    "Action",
    "Condition",
    "Decision",
    "Document",
    "Explanation",
    "Facts",
    "Finding",
    "HeaderRule",
    "Identify",
    "Message",
    "Party",
    "PolicyErrors",
    "Rule",
    "Source",
    "Translation",
    "Trial",
    "TrialResult",
    "Tried",
    "compile_condition",
    "evaluate",
    "explain",
    "number_of",
    "run_tests",
    "suggest",
    "translate",
    "trial_facts",
]
