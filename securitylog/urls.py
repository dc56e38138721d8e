"""Dashboard → Security log."""

from django.urls import path

from securitylog import views

urlpatterns = [path("security-log/", views.list_security_events, name="security-log")]
