"""Dashboard → Developer → API Keys."""

from django.urls import path

from apikeys import views

KEYS = "developer/api-keys/"

urlpatterns = [
    path(KEYS, views.list_api_keys, name="api-keys"),
    path(f"{KEYS}create/", views.create_api_key, name="api-key-create"),
    path(f"{KEYS}<uuid:key_id>/", views.get_api_key, name="api-key"),
    path(f"{KEYS}<uuid:key_id>/activity/", views.show_activity, name="api-key-activity"),
    path(f"{KEYS}<uuid:key_id>/activity/window/", views.show_window, name="api-key-window"),
    path(f"{KEYS}<uuid:key_id>/rename/", views.rename_api_key, name="api-key-rename"),
    path(f"{KEYS}<uuid:key_id>/expiry/", views.change_expiry, name="api-key-expiry"),
    path(f"{KEYS}<uuid:key_id>/rotate/", views.rotate_api_key, name="api-key-rotate"),
    path(f"{KEYS}<uuid:key_id>/revoke/", views.revoke_api_key, name="api-key-revoke"),
]
