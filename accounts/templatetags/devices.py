"""Template filter that describes a browser by its User-Agent."""

from django import template

from accounts import devices

register = template.Library()
register.filter("device", devices.device)
