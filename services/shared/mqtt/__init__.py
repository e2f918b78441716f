"""A lean MQTT 5 client on asyncio: what the platform's hot paths need of the protocol and nothing else.

It connects, subscribes, receives and acknowledges by hand (QoS 0 and 1), publishes, and keeps alive. paho-
mqtt stays for everything that is not a hot path; here one read of the socket carries a thousand messages
and one write their acknowledgements (performance.md section 3).
"""

from services.shared.mqtt.connection import Connection, MqttError, Options, connect
from services.shared.mqtt.incoming import Message
from services.shared.mqtt.session import Session

__all__ = ["Connection", "Message", "MqttError", "Options", "Session", "connect"]
