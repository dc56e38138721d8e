"""Every address of the service."""

from django.contrib import admin
from django.urls import include, path
from django.views.defaults import page_not_found
from django.views.generic import RedirectView

from core.themes import choose_theme
from insitechat.api import urls as api_urls
from insitechat.operations import views
from insitechat.overview import show_overview

handler500 = "insitechat.errors.server_error"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="overview")),
    path("api/v1", page_not_found, {"exception": None}),  # not a redirect to api/v1/
    path("api/v1/", api_urls),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("account/export/", views.export_data, name="account-export"),
    path("account/export/file/", views.download_export, name="account-export-file"),
    path("account/delete/", views.delete_account, name="account-delete"),
    path("theme/", choose_theme, name="theme"),
    path("dashboard/", show_overview, name="overview"),
    path("dashboard/", include("securitylog.urls")),
    path("dashboard/", include("apikeys.urls")),
    path("dashboard/", include("chatbots.urls")),
]
