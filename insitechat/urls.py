"""Every address of the service."""

from django.contrib import admin
from django.urls import include, path
from django.views.defaults import page_not_found
from django.views.generic import RedirectView

from insitechat import views
from insitechat.api import api

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="api-keys")),
    path("api/v1", page_not_found, {"exception": None}),  # not a redirect to api/v1/
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("account/export/", views.export_data, name="account-export"),
    path("account/delete/", views.delete_account, name="account-delete"),
    path("dashboard/", include("apikeys.urls")),
    path("dashboard/", include("chatbots.urls")),
]
