"""Dashboard → Developer → API Keys."""

from django.urls import path

from apikeys import views

urlpatterns = [
    path("developer/api-keys/", views.list_api_keys, name="api-keys"),
    path("developer/api-keys/create/", views.create_api_key, name="api-key-create"),
    path("developer/api-keys/<uuid:key_id>/revoke/", views.revoke_api_key, name="api-key-revoke"),
]
