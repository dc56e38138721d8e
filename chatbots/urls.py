"""Dashboard → Chatbots, and Usage."""

from django.urls import URLPattern, URLResolver, include, path

from chatbots.export import FILE_TYPES
from chatbots.models import Source
from chatbots.views import (
    chatbots,
    conversations,
    insights,
    playground,
    sources,
    synced_sources,
    trial,
    usage,
)

of_source: list[URLPattern | URLResolver] = [
    path("", sources.edit_source, name="source"),
    path("delete/", sources.delete_source, name="source-delete"),
    path("restore/", sources.restore_source, name="source-restore"),
    path("pages/", synced_sources.list_pages, name="source-pages"),
    path("pages/<int:page_id>/", synced_sources.show_page, name="source-page"),
    path("sync/", synced_sources.sync_again, name="source-sync"),
    path("cancel/", synced_sources.cancel_sync, name="source-cancel"),
    path("schedule/", synced_sources.schedule_syncs, name="source-schedule"),
]

of_chatbot: list[URLPattern | URLResolver] = [
    path("", sources.list_sources, name="chatbot"),
    path("settings/", chatbots.edit_settings, name="chatbot-settings"),
    path("pause/", chatbots.pause_chatbot, name="chatbot-pause"),
    path("resume/", chatbots.resume_chatbot, name="chatbot-resume"),
    path("delete/", chatbots.delete_chatbot, name="chatbot-delete"),
    path("restore/", chatbots.restore_chatbot, name="chatbot-restore"),
    path("playground/", playground.show_playground, name="chatbot-playground"),
    path("playground/new/", playground.start_conversation, name="playground-new"),
    path("playground/try/", trial.try_settings, name="playground-try"),
    path("answers/<int:message_id>/rate/", playground.rate_answer, name="answer-rate"),
    path("insights/", insights.show_insights, name="chatbot-insights"),
    path("conversations/", conversations.list_conversations, name="conversations"),
    path(
        "conversations/<int:conversation_id>/", conversations.show_conversation, name="conversation"
    ),
    path("sources/add-site/", synced_sources.add_url, {"is_site": True}, name="source-add-site"),
    path("sources/add-page/", synced_sources.add_url, {"is_site": False}, name="source-add-page"),
    path("sources/add-file/", synced_sources.add_file, name="source-add-file"),
    path(
        "conversations/<int:conversation_id>/delete/",
        conversations.remove_conversation,
        name="conversation-delete",
    ),
    *(
        path(
            f"conversations/export.{file_type}",
            conversations.export_conversations,
            {"file_type": file_type},
            name=f"conversations-{file_type}",
        )
        for file_type in FILE_TYPES
    ),
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
