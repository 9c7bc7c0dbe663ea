from datetime import date
from pathlib import Path
import pytest
from retention_ml.curated.ingest import ingest
from retention_ml.features.build import build
from retention_ml.features import build as door
from tests.curated.batches import SOURCE
def test_leak(warehouse, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(door,"_check",lambda *_:None)
    src=tmp_path/"s"; src.mkdir()
    (src/"shop.toml").write_text(SOURCE+'\n[feeds.lines.also.products.columns]\nproduct_id="product"\ncategory="cat"\n')
    settings=settings.model_copy(update={"sources":src})
    H="order,product,customer,time,quantity,price,cat\n"
    out=[]
    for later in ("A","B"):
        f=tmp_path/f"lines_{later}.csv"
        f.write_text(H+"1,p,c1,2025-01-01 10:00:00,1,2.5,A\n2,q,c1,2025-01-02 10:00:00,1,2.5,B\n3,p,c2,2025-03-01 10:00:00,1,2.5,"+later+"\n")
        from retention_ml.warehouse import Warehouse
        for t in ("curated.products","curated.orders","curated.order_lines","curated.customers","features.customer_day","features.customer_product_day","features.product_category","features.rolled_up","features.builds"):
            with warehouse.transaction() as tx: tx.execute(f"DELETE FROM {t}")
        ingest(warehouse,settings=settings,source="shop",files=[f],history=True)
        build(warehouse,settings=settings,as_of=date(2025,2,1))
        out.append(warehouse.read("SELECT categories_count_90d FROM features.customer_daily")["categories_count_90d"].to_pylist())
    print(out); assert out[0]==out[1]
