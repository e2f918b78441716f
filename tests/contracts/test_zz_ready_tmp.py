import importlib.util, asyncpg, pytest, time
from services.shared.db import Database
from services.shared.errors import Unavailable
spec=importlib.util.spec_from_file_location("rn","/tmp/ready_new.py"); rn=importlib.util.module_from_spec(spec); spec.loader.exec_module(rn)
@pytest.mark.parametrize("s",["registry","telemetry","permits","matching","gateway"])
@pytest.mark.parametrize("r",["api","worker"])
async def test_ok(database_urls,s,r):
    d=Database(database_urls[f"{s}_{r}"])
    try:
        await rn.check_database(d,s,"0001")
        t=time.perf_counter(); await rn.check_database(d,s,"0001"); print("MS",s,r,(time.perf_counter()-t)*1000)
    finally: await d.close()
async def test_bad(fresh_database_urls):
    su=await asyncpg.connect(fresh_database_urls["superuser"])
    await su.execute("DROP POLICY vehicles_worker ON registry.vehicles"); await su.close()
    d=Database(fresh_database_urls["registry_worker"])
    with pytest.raises(Unavailable, match="vehicles"): await rn.check_database(d,"registry","0001")
    await d.close()
    d=Database(fresh_database_urls["permits_worker"])
    with pytest.raises(Exception): await rn.check_database(d,"registry","0001")
    await d.close()
