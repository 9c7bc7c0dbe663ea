from collections import Counter
from tests.simulate.test_ingestion_lib import *
def test_x(warehouse, spoilt_shop, tmp_path):
    settings = load({"RETENTION_HOME": str(tmp_path / "home"), "RETENTION_CALENDAR__TIMEZONE": "Europe/London"})
    files = sorted(spoilt_shop.folder.glob("*.csv"))
    landed = land(warehouse, settings=settings, source="simulated", files=files, history=True)
    print(landed)
    r = stage(warehouse, settings=settings, batch_id=landed.details["batch_id"])
    print(r)
    planted = {(x["file"], x["line_number"]): (x["reason_code"], x["defect"]) for x in spoilt_shop.truth("defects").to_pylist() if x["reason_code"]}
    found = {(x["file_name"].replace("_again.csv", ".csv"), x["line_number"]): (x["reason_code"], x["raw_text"]) for x in warehouse.read("SELECT d.file_name, q.line_number, q.reason_code, q.raw_text FROM staging.rejects q JOIN raw.deliveries d USING (delivery_id)").to_pylist()}
    print(len(planted), len(found))
    c = Counter()
    ex = {}
    for k in set(planted) | set(found):
        a, b = planted.get(k, ("-", "-")), found.get(k, ("-", "-"))
        if a[0] != b[0]:
            c[(a, b[0], k[0][:6])] += 1
            ex[(a, b[0], k[0][:6])] = (k, b[1])
    for k, v in c.most_common(30): print(v, k, ex[k])
    print(warehouse.read("select * from raw.deliveries where status<>'staged'").to_pylist()[:3])
    assert 0
