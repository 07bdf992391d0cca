// Links into map applications: the form each maker asks for, and the coordinate system it reads.

import assert from "node:assert/strict";
import { test } from "node:test";

import { inMainland } from "../../console/agent/mainland.js";
import { links } from "../../console/agent/navigation.js";
import { fromBd09, fromGcj02, toBd09, toGcj02 } from "../../console/crs.js";

const SHANGHAI = { lat: 31.2304, lon: 121.4737 };
const NEW_YORK = { lat: 40.7188, lon: -73.9863 };
const HONG_KONG = { lat: 22.2819, lon: 114.1582 };

/** App → its link, taken apart. */
function parsed(way) {
  return Object.fromEntries(links(way).map(({ app, url }) => [app, new URL(url)]));
}

const text = ({ lat, lon }) => `${lat.toFixed(6)},${lon.toFixed(6)}`;

test("the five of them, in this order", () => {
  const apps = links({ place: SHANGHAI }).map(({ app }) => app);
  assert.deepEqual(apps, ["amap", "baidu", "apple", "google", "geo"]);
});

test("Amap: longitude first, GCJ-02, by car, into the application where there is one", () => {
  const { amap } = parsed({ place: SHANGHAI, address: "People's Square, No. 1" });
  const { lat, lon } = toGcj02(SHANGHAI);
  assert.equal(amap.origin + amap.pathname, "https://uri.amap.com/navigation");
  assert.equal(amap.searchParams.get("to"), `${lon.toFixed(6)},${lat.toFixed(6)},People's Square, No. 1`);
  assert.equal(amap.searchParams.get("coordinate"), "gaode");
  assert.equal(amap.searchParams.get("mode"), "car");
  assert.equal(amap.searchParams.get("callnative"), "1");
});

test("Amap: a comma of the address parts no fields", () => {
  const { url } = links({ place: SHANGHAI, address: "1, Road" })[0];
  assert.match(url, /to=[\d.]+,[\d.]+,1%2C%20Road&/);
});

test("Baidu: latitude first, BD-09, from where one is", () => {
  const { baidu } = parsed({ place: SHANGHAI, address: "a|b", from: { lat: 31.2, lon: 121.4 } });
  assert.equal(baidu.origin + baidu.pathname, "https://api.map.baidu.com/direction");
  assert.equal(baidu.searchParams.get("destination"), `latlng:${text(toBd09(SHANGHAI))}|name:a b`);
  assert.equal(baidu.searchParams.get("origin"), `latlng:${text(toBd09({ lat: 31.2, lon: 121.4 }))}`);
  assert.equal(baidu.searchParams.get("coord_type"), "bd09ll");
  assert.equal(baidu.searchParams.get("mode"), "driving");
  assert.equal(baidu.searchParams.get("output"), "html");
  assert.match(baidu.searchParams.get("src"), /^webapp\.[\w-]+\.[\w-]+$/);
});

test("Baidu: where one is is Baidu's to know, if the page does not", () => {
  const { baidu } = parsed({ place: SHANGHAI });
  assert.equal(baidu.searchParams.get("origin"), "\u6211\u7684\u4f4d\u7f6e");
  assert.equal(baidu.searchParams.get("destination"), `latlng:${text(toBd09(SHANGHAI))}`);
});

test("Apple and Google: GCJ-02 on the mainland, WGS-84 elsewhere", () => {
  for (const [place, wanted] of [[SHANGHAI, toGcj02(SHANGHAI)], [NEW_YORK, NEW_YORK], [HONG_KONG, HONG_KONG]]) {
    const { apple, google } = parsed({ place });
    assert.equal(apple.href.split("?")[0], "https://maps.apple.com/");
    assert.equal(apple.searchParams.get("daddr"), text(wanted));
    assert.equal(apple.searchParams.get("dirflg"), "d");
    assert.equal(google.href.split("?")[0], "https://www.google.com/maps/dir/");
    assert.equal(google.searchParams.get("api"), "1");
    assert.equal(google.searchParams.get("destination"), text(wanted));
    assert.equal(google.searchParams.get("travelmode"), "driving");
  }
});

test("geo: WGS-84 everywhere, with a label whose brackets do not end it", () => {
  const url = links({ place: SHANGHAI, address: "Tower (B) & Co" }).at(-1).url;
  assert.equal(url, "geo:31.230400,121.473700?q=31.230400,121.473700(Tower%20%28B%29%20%26%20Co)");
  assert.equal(links({ place: SHANGHAI, address: null }).at(-1).url, "geo:31.230400,121.473700?q=31.230400,121.473700");
});

test("a place next to nothing has no exponent in it", () => {
  const url = links({ place: { lat: 0.0000001, lon: -0.0000001 } }).at(-1).url;
  assert.match(url, /^geo:0\.000000,-0\.000000\?/);
});

test("whatever an address holds, a link is one link", () => {
  const address = "\u9ec4\u6d66\u533a\u4eba\u6c11\u5927\u9053 #1 & \"x\" <b>%41?\n=";
  for (const { app, url } of links({ place: SHANGHAI, address })) {
    assert.match(url, /^[\x21-\x7e]+$/, app);
    assert.doesNotMatch(url, /["<>]/, app);
    assert.doesNotThrow(() => new URL(url), app);
    assert.equal(new URL(url).hash, "", app);
  }
});

// --- the mainland

const CITIES = {
  Beijing: [39.904, 116.407], Shanghai: [31.23, 121.474], Shenzhen: [22.543, 114.058], Futian: [22.522, 114.055],
  Shekou: [22.485, 113.915], Zhuhai: [22.27, 113.576], Urumqi: [43.825, 87.617], Kashgar: [39.47, 75.99],
  Lhasa: [29.65, 91.1], Harbin: [45.8, 126.53], Mohe: [52.97, 122.54], Sanya: [18.25, 109.51],
  Kunming: [25.04, 102.71], Xiamen: [24.48, 118.09], Pingtan: [25.5, 119.79], Dalian: [38.91, 121.6],
  Yanji: [42.9, 129.5], Nanning: [22.82, 108.37], Hohhot: [40.84, 111.75], Jinghong: [22.0, 100.8],
};
const ELSEWHERE = {
  "Hong Kong": [22.282, 114.158], "Sheung Shui": [22.502, 114.128], "Tuen Mun": [22.391, 113.977],
  Macau: [22.199, 113.544], Coloane: [22.118, 113.56], Taipei: [25.033, 121.565], Kaohsiung: [22.627, 120.301],
  Seoul: [37.566, 126.978], Pyongyang: [39.03, 125.75], Hanoi: [21.028, 105.854], Bangkok: [13.756, 100.502],
  Ulaanbaatar: [47.886, 106.906], Almaty: [43.238, 76.946], Delhi: [28.614, 77.209], Kathmandu: [27.717, 85.324],
  Thimphu: [27.472, 89.639], Vladivostok: [43.115, 131.886], Khabarovsk: [48.48, 135.07], Mandalay: [21.96, 96.08],
  Osaka: [34.694, 135.502], "New York": [40.713, -74.006], Nowhere: [0, 0],
};

for (const [cities, wanted] of [[CITIES, true], [ELSEWHERE, false]]) {
  for (const [name, [lat, lon]] of Object.entries(cities)) {
    test(`${name} is ${wanted ? "" : "not "}in the mainland`, () => assert.equal(inMainland({ lat, lon }), wanted));
  }
}

// --- coordinate systems (compared with the server's in test_crs_in_js.py)

test("there and back again, on the mainland, across the rim and abroad", () => {
  for (let lat = -10; lat <= 60; lat += 3.7) {
    for (let lon = 65; lon <= 145; lon += 4.3) {
      for (const [to, from] of [[toGcj02, fromGcj02], [toBd09, fromBd09]]) {
        const back = from(to({ lat, lon }));
        assert.ok(Math.hypot(back.lat - lat, back.lon - lon) < 1e-8, `${lat}, ${lon}`);
      }
    }
  }
});
