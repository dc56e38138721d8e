"""Dashboard → Chatbot → Insights: what was asked, what had no answer, and which sources help."""

import uuid
from collections.abc import Sequence
from http import HTTPStatus

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from chatbots.answers_chart import OUTCOMES, AnswersChart, Day
from chatbots.citations import Citation, citation, existing_chunks
from chatbots.daily import chatbot_answers_by_day
from chatbots.insights import Study, latest_study
from chatbots.views.page import access_chatbot, render_page
from core.http import OwnerRequest

SOURCES_SHOWN = 20


@require_safe
@login_required
def show_insights(request: OwnerRequest, chatbot_id: uuid.UUID) -> HttpResponse:
    """Show the last 30 days. What a job has to work out follows when it is there."""
    chatbot = access_chatbot(request, chatbot_id)
    study = latest_study(chatbot.id)
    context = {
        "chatbot": chatbot,
        "chart": AnswersChart([Day(*day) for day in chatbot_answers_by_day(chatbot.id)]),
        "outcomes": OUTCOMES,
        "study": study,
        "tab": "insights",
    }
    if study is not None:
        unused = chatbot.sources.listed().exclude(id__in=study.used_sources)
        context |= {
            "best": best_passages(study),
            "unused": unused[:SOURCES_SHOWN],
            "unused_count": unused.count(),
        }
    return render_page(request, "insights.html", context, status=HTTPStatus.OK)


def best_passages(study: Study) -> Sequence[tuple[Citation, int]]:
    """Return the passages that exist, each with how many answers it fitted best."""
    chunks = existing_chunks([chunk for chunk, _ in study.best_chunks])
    return [
        (citation(chunks[chunk]), number) for chunk, number in study.best_chunks if chunk in chunks
    ]
