"""Tests servers with `kismet-rest`, the Python package that Kismet's users write scripts with.

Run by tests/it/python.rs, which starts two servers with the same reports: one that needs no login from
this machine, and one that needs credentials. Needs only that package.
"""

import functools
import inspect
import os
import tempfile
import unittest

import kismet_rest

OPEN_URL = os.environ["KISMET_REST_OPEN_URL"]
LOCKED_URL = os.environ["KISMET_REST_LOCKED_URL"]
USER = os.environ["KISMET_REST_USER"]
PASSWORD = os.environ["KISMET_REST_PASSWORD"]
READ_KEY = os.environ["KISMET_REST_READ_KEY"]
REPORT_KEY = os.environ["KISMET_REST_REPORT_KEY"]

# Reported by tests/it/python.rs.
SOURCE = "44444444-0000-0000-0000-000000000001"
COFFEE, LINES, BAND = "02:00:5E:10:00:01", "02:00:5E:10:00:02", "02:00:5E:20:00:01"
ACCESS_POINTS, DEVICES = {COFFEE, LINES}, {COFFEE, LINES, BAND}

MAC, KEY = "kismet.device.base.macaddr", "kismet.device.base.key"
NAME, CHANNEL = "kismet.device.base.name", "kismet.device.base.channel"
LAST_SIGNAL = "kismet.device.base.signal/kismet.common.signal.last_signal"
SSIDS = "dot11.device/dot11.device.advertised_ssid_map/dot11.advertisedssid.ssid"

# No alert is raised after this time.
FAR_FUTURE = 4_000_000_000

# Calls that a server without radios does not support. They get a 501, which the package turns into an exception.
IMPOSSIBLE = {
    ("Datasources", "set_channel"): (SOURCE, "6"),
    ("Datasources", "set_hop_rate"): (SOURCE, 5),
    ("Datasources", "set_hop_channels"): (SOURCE, 5, ["1", "6"]),
    ("Datasources", "set_hop"): (SOURCE,),
    ("Datasources", "add"): ("wlan0:name=x",),
    ("KismetConnector", "config_datasource_set_channel"): (SOURCE, "6"),
    ("KismetConnector", "config_datasource_set_hop_rate"): (SOURCE, 5),
    ("KismetConnector", "config_datasource_set_hop_channels"): (SOURCE, 5, ["1"]),
    ("KismetConnector", "config_datasource_set_hop"): (SOURCE,),
    ("KismetConnector", "add_datasource"): ("wlan0:name=x",),
}

# All classes that send requests. `Logger` and `Utility` do not.
CLASSES = ["Alerts", "BaseInterface", "Datasources", "Devices", "GPS", "KismetConnector", "Messages", "System"]
called = set()


def recorded(name, method):
    @functools.wraps(method)
    def call(*args, **kwargs):
        called.add(name)
        return method(*args, **kwargs)

    return call


def public_calls():
    for class_name in CLASSES:
        for name, method in vars(getattr(kismet_rest, class_name)).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                yield (class_name, name), method


def setUpModule():
    for (class_name, name), method in list(public_calls()):
        setattr(getattr(kismet_rest, class_name), name, recorded((class_name, name), method))


def tearDownModule():
    forgotten = {name for name, _ in public_calls()} - called
    assert not forgotten, f"calls of the package that nothing here makes: {forgotten}"


def macs(devices):
    return {device[MAC] for device in devices}


class Clients(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.made = []
        self.addCleanup(lambda: [client.session.close() for client in self.made])

    def client(self, class_name, url, cache="none", **credentials):
        # By default the package stores sessions in the home directory.
        cache = os.path.join(self.dir.name, cache)
        client = getattr(kismet_rest, class_name)(host_uri=url, session_cache=cache, **credentials)
        self.made.append(client)
        return client

    def keep(self, name, token):
        """Stores a token as the one of the package's last session."""
        with open(os.path.join(self.dir.name, name), "w") as cache:
            cache.write(token)
        return name

    def refused(self, status, exception, call, *args):
        with self.assertRaises(exception) as raised:
            result = call(*args)
            if inspect.isgenerator(result):
                list(result)
        self.assertEqual(raised.exception.rcode, status)


class Calls:
    """Every call, with the credentials of the client that `make` returns."""

    # Whether the credentials allow changes.
    may_command = True

    def called_back(self, call, *args, **kwargs):
        """Returns what a callback receives, with and without extra arguments."""
        # The legacy class uses another name for the arguments.
        legacy = isinstance(call.__self__, kismet_rest.KismetConnector)
        name = "cbargs" if legacy else "callback_args"
        items, with_argument = [], []
        list(call(*args, callback=items.append, **kwargs) or [])
        take = lambda item, argument: with_argument.append((item, argument))
        list(call(*args, callback=take, **{name: ["it"]}, **kwargs) or [])
        self.assertEqual([argument for _, argument in with_argument], ["it"] * len(items))
        return items

    def key_of(self, mac):
        (device,) = self.make("Devices").by_mac(devices=[mac], fields=[KEY])
        return device[KEY]

    def test_base(self):
        base = self.make("BaseInterface")
        base.set_debug()
        base.log_init()
        version = base.get_kismet_version()["kismet.system.version"]
        self.assertTrue(version.startswith("2025.09.0"), version)
        self.assertTrue(base.login())
        self.assertTrue(base.check_session())
        path = "devices/views/all/devices"
        self.assertEqual(macs(base.interact("GET", path + ".json")), DEVICES)
        self.assertEqual(macs(base.interact("POST", path + ".json", payload={"fields": [MAC]})), DEVICES)
        self.assertEqual(macs(base.interact("GET", path + ".itjson", stream=True)), DEVICES)
        self.assertEqual(macs(base.interact_yield("GET", path + ".itjson")), DEVICES)
        self.assertEqual(macs(base.interact_yield("POST", path + ".itjson")), DEVICES)
        self.assertIs(base.interact("GET", path + ".json", only_status=True), True)
        found = []
        base.interact("GET", path + ".json", callback=found.append)
        self.assertEqual(macs(found), DEVICES)
        self.refused(404, kismet_rest.KismetRequestException, base.interact, "GET", "nowhere.json")
        regex = {"payload": {"regex": [[NAME, "("]]}}
        with self.assertRaises(kismet_rest.KismetRequestException) as raised:
            base.interact("POST", path + ".json", **regex)
        self.assertEqual(raised.exception.rcode, 400)

    def test_system(self):
        system = self.make("System")
        self.assertEqual(system.get_status()["kismet.system.devices.count"], len(DEVICES))
        self.assertLess(1_700_000_000, system.get_system_time()["kismet.system.timestamp.sec"])
        self.assertIn("T", system.get_system_time("iso"))

    def test_devices(self):
        devices = self.make("Devices")
        found = list(devices.all())
        self.assertEqual(macs(found), DEVICES)
        names = {device[MAC]: device[NAME] for device in found}
        # Python's `splitlines` splits at U+2028 and U+0085 too.
        self.assertEqual(names, {COFFEE: "CoffeeShop", LINES: "one\u2028two\u0085ü", BAND: "Band"})
        self.assertEqual(macs(devices.all(ts=-3600)), DEVICES)
        self.assertEqual(list(devices.all(ts=2**32 - 1)), [])
        self.assertEqual(macs(self.called_back(devices.all)), DEVICES)

    def test_devices_by_mac(self):
        devices = self.make("Devices")
        fields = [MAC, LAST_SIGNAL, [CHANNEL, "channel"]]
        found = list(devices.by_mac(devices=[COFFEE], fields=fields))
        expected = {MAC: COFFEE, "kismet.common.signal.last_signal": -61, "channel": "6"}
        self.assertEqual(found, [expected])
        masked = ["02:00:5E:10:00:00/FF:FF:FF:FF:FF:00"]
        self.assertEqual(macs(devices.by_mac(devices=masked)), ACCESS_POINTS)
        self.assertEqual(macs(self.called_back(devices.by_mac, devices=masked)), ACCESS_POINTS)
        self.assertEqual(list(devices.by_mac(devices=["02:00:5E:FF:00:01"])), [])

    def test_devices_by_key(self):
        devices, key = self.make("Devices"), self.key_of(COFFEE)
        self.assertEqual(devices.by_key(key)[NAME], "CoffeeShop")
        self.assertEqual(devices.by_key(key, fields=[MAC, NAME]), {MAC: COFFEE, NAME: "CoffeeShop"})
        # Kismet dropped paths after the device long ago, in favour of `fields`. They work here.
        self.assertEqual(devices.by_key(key, NAME), "CoffeeShop")
        self.refused(404, kismet_rest.KismetRequestException, devices.by_key, key, "no.such.field")
        nobody = key[:-1] + ("0" if key[-1] != "0" else "1")
        self.refused(404, kismet_rest.KismetRequestException, devices.by_key, nobody)

    def test_dot11(self):
        devices, key = self.make("Devices"), self.key_of(COFFEE)
        self.assertEqual(macs(devices.dot11_access_points()), ACCESS_POINTS)
        self.assertEqual(macs(self.called_back(devices.dot11_access_points)), ACCESS_POINTS)
        self.assertEqual(macs(devices.dot11_access_points(last_time=1)), ACCESS_POINTS)
        self.assertEqual(list(devices.dot11_access_points(last_time=2**32 - 1)), [])
        for regex in [[NAME, "^Coffee"], [SSIDS, "^Coffee.*"]]:
            found = list(devices.dot11_access_points(regex=[regex], fields=[MAC]))
            self.assertEqual(found, [{MAC: COFFEE}])
        # Scan reports contain access points only.
        self.assertEqual(list(devices.dot11_clients_of(key)), [])
        self.assertEqual(self.called_back(devices.dot11_clients_of, key, fields=[MAC]), [])

    def test_datasources(self):
        sources = self.make("Datasources")
        (source,) = sources.all()
        self.assertEqual(source["kismet.datasource.uuid"].lower(), SOURCE)
        self.assertEqual(source["kismet.datasource.name"], "phone")
        self.assertEqual(self.called_back(sources.all)[0]["kismet.datasource.name"], "phone")
        self.assertEqual(list(sources.interfaces()), [])
        self.assertEqual(self.called_back(sources.interfaces), [])

    def commanded(self, status, call, *args):
        """Checks how a command is refused, with and without the permission to send it."""
        if self.may_command:
            self.refused(status, kismet_rest.KismetRequestException, call, *args)
        else:
            self.refused(403, kismet_rest.KismetRequestException, call, *args)

    def test_commands_to_sources(self):
        sources = self.make("Datasources")
        if not self.may_command:
            for call in [sources.pause, sources.resume, sources.close, sources.open]:
                self.commanded(403, call, SOURCE)
            return
        for call, paused in [(sources.pause, 1), (sources.resume, 0)]:
            call(SOURCE)
            (source,) = sources.all()
            self.assertEqual(source["kismet.datasource.paused"], paused)
            self.commanded(409, call, SOURCE)
        # The source has no radio to open.
        for call in [sources.close, sources.open]:
            call(SOURCE)
            (source,) = sources.all()
            self.assertEqual(source["kismet.datasource.running"], 1)

    def test_what_takes_a_radio(self):
        for (class_name, name), args in IMPOSSIBLE.items():
            with self.subTest(class_name=class_name, name=name):
                self.commanded(501, getattr(self.make(class_name), name), *args)

    def test_alerts_messages_gps(self):
        alerts, messages = self.make("Alerts"), self.make("Messages")
        self.assertEqual(list(alerts.all(ts_sec=FAR_FUTURE, ts_usec=5)), [])
        self.assertEqual(self.called_back(alerts.all, ts_sec=FAR_FUTURE), [])
        (answer,) = messages.all(ts_sec=1_700_000_000, ts_usec=5)
        texts = [said["kismet.messagebus.message_string"] for said in answer["kismet.messagebus.list"]]
        self.assertTrue(any("New" in text for text in texts), texts)
        self.assertEqual(len(self.called_back(messages.all)), 1)
        location = self.make("GPS").current_location()
        self.assertEqual(location["kismet.common.location.fix"], 3)
        self.assertIn("kismet.common.location.geopoint", location)

    def test_legacy(self):
        kismet, key = self.make("KismetConnector"), self.key_of(COFFEE)
        self.assertEqual(kismet.system_status()["kismet.system.devices.count"], len(DEVICES))
        for call in [
            kismet.device_summary,
            kismet.device_list,
            kismet.device_summary_since,
            kismet.smart_summary_since,
            kismet.smart_device_list,
        ]:
            self.assertEqual(macs(call()), DEVICES, call)
            self.assertEqual(macs(self.called_back(call)), DEVICES, call)
        regex, fields = [[NAME, "^Coffee"]], [MAC]
        self.assertEqual(kismet.smart_device_list(regex=regex, fields=fields), [{MAC: COFFEE}])
        self.assertEqual(kismet.device_list_by_mac([BAND], fields), [{MAC: BAND}])
        self.assertEqual(macs(self.called_back(kismet.device_list_by_mac, [BAND])), {BAND})
        self.assertEqual(macs(kismet.dot11_access_points(1)), ACCESS_POINTS)
        self.assertEqual(macs(self.called_back(kismet.dot11_access_points)), ACCESS_POINTS)
        self.assertEqual(kismet.dot11_access_points(regex=regex, fields=fields), [{MAC: COFFEE}])
        self.assertEqual(kismet.dot11_clients_of(key), [])
        self.assertEqual(self.called_back(kismet.dot11_clients_of, key), [])
        self.assertEqual(kismet.device(key)[MAC], COFFEE)
        self.assertEqual(kismet.device_by_key(key, fields=fields), {MAC: COFFEE})
        self.assertEqual(kismet.device_field(key, NAME), "CoffeeShop")
        self.assertEqual(kismet.device(key, NAME), "CoffeeShop")
        self.assertEqual(macs(kismet.device_by_mac(COFFEE)), {COFFEE})
        self.assertEqual(kismet.device_by_mac(COFFEE, fields), [{MAC: COFFEE}])
        self.assertEqual(len(kismet.datasources()), 1)
        self.assertEqual(kismet.datasource_list_interfaces(), [])
        self.assertEqual(kismet.alerts(FAR_FUTURE, 5), [])
        self.assertTrue(kismet.messages()["kismet.messagebus.list"])
        self.assertEqual(kismet.location()["kismet.common.location.fix"], 3)


class Raises:
    """User-defined alerts, with credentials that allow them."""

    def raised(self, name):
        header, text = "kismet.alert.header", "kismet.alert.text"
        return [alert[text] for alert in self.make("Alerts").all() if alert[header] == name]

    def test_alerts_are_defined_and_raised(self):
        alerts, kismet = self.make("Alerts"), self.make("KismetConnector")
        self.assertTrue(alerts.define("DOOR", "The door is open", phyname="IEEE802.11"))
        self.assertTrue(alerts.raise_alert("DOOR", "It is", bssid=COFFEE, source=COFFEE, dest=LINES, other=LINES, channel="6"))
        self.assertEqual(self.raised("DOOR"), ["It is"])
        self.assertTrue(kismet.define_alert("WINDOW", "The window is open", rate="5/hour", burst="2/min"))
        self.assertTrue(kismet.raise_alert("WINDOW", "It is too"))
        self.assertEqual(self.raised("WINDOW"), ["It is too"])


class Open(Raises, Calls, Clients):
    """Against a server that needs no login."""

    def make(self, class_name):
        return self.client(class_name, OPEN_URL)

    def test_a_report(self):
        # An empty batch of the known source, because the other tests check the devices.
        payload = {"source_uuid": SOURCE, "source_name": "phone", "reports": []}
        answer = self.make("BaseInterface").interact(
            "POST", "phy/phy80211/scan/scan_report.cmd", payload=payload
        )
        self.assertTrue(answer["success"])


class WithPassword(Raises, Calls, Clients):
    def make(self, class_name):
        return self.client(class_name, LOCKED_URL, username=USER, password=PASSWORD)

    def test_the_session_outlives_the_client(self):
        self.client("System", LOCKED_URL, cache="kept", username=USER, password=PASSWORD).get_status()
        again = self.client("System", LOCKED_URL, cache="kept")
        self.assertEqual(again.get_status()["kismet.system.devices.count"], len(DEVICES))


class WithKey(Calls, Clients):
    """The package does not support API keys, but one works in place of its session."""

    may_command = False

    def make(self, class_name):
        return self.client(class_name, LOCKED_URL, cache=self.keep("key", READ_KEY))

    def test_who_reads_does_not_raise(self):
        raise_alert = self.make("Alerts").raise_alert
        self.refused(403, kismet_rest.KismetRequestException, raise_alert, "DOOR", "It is")


class Refused(Clients):
    def check(self, status=401, error=kismet_rest.KismetLoginException, **how):
        system = self.client("System", LOCKED_URL, **how)
        self.refused(status, error, system.get_status)
        devices = self.client("Devices", LOCKED_URL, **how)
        self.refused(status, error, devices.all)

    def test_nobody(self):
        self.check()
        self.assertFalse(self.client("BaseInterface", LOCKED_URL).login())
        self.assertFalse(self.client("BaseInterface", LOCKED_URL).check_session())

    def test_a_wrong_password(self):
        self.check(username=USER, password="wrong")

    def test_a_key_that_may_not_read(self):
        self.check(403, kismet_rest.KismetRequestException, cache=self.keep("key", REPORT_KEY))


if __name__ == "__main__":
    unittest.main()
