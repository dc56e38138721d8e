"""Dashboard → Chatbots, and Usage."""

from django.urls import URLPattern, URLResolver, include, path

from chatbots.models import Source
from chatbots.views import chatbots, sources, talk, usage

of_source: list[URLPattern | URLResolver] = [
    path("", sources.edit_source, name="source"),
    path("delete/", sources.delete_source, name="source-delete"),
    path("restore/", sources.restore_source, name="source-restore"),
]

of_chatbot: list[URLPattern | URLResolver] = [
    path("", sources.list_sources, name="chatbot"),
    path("settings/", chatbots.edit_settings, name="chatbot-settings"),
    path("pause/", chatbots.pause_chatbot, name="chatbot-pause"),
    path("resume/", chatbots.resume_chatbot, name="chatbot-resume"),
    path("delete/", chatbots.delete_chatbot, name="chatbot-delete"),
    path("restore/", chatbots.restore_chatbot, name="chatbot-restore"),
    path("playground/", talk.playground, name="chatbot-playground"),
    path("conversations/", talk.list_conversations, name="conversations"),
    path("conversations/<int:conversation_id>/", talk.show_conversation, name="conversation"),
    path(
        "sources/add-text/",
        sources.add_source,
        {"source_type": Source.Type.TEXT},
        name="source-add-text",
    ),
    path(
        "sources/add-question/",
        sources.add_source,
        {"source_type": Source.Type.QA},
        name="source-add-question",
    ),
    path("sources/<uuid:source_id>/", include(of_source)),
]

urlpatterns = [
    path("chatbots/", chatbots.list_chatbots, name="chatbots"),
    path("chatbots/create/", chatbots.create_chatbot, name="chatbot-create"),
    path("chatbots/<uuid:chatbot_id>/", include(of_chatbot)),
    path("usage/", usage.show_usage, name="usage"),
]
