"""Measurements over time."""

from collections import Counter
from collections.abc import Iterator

from ostinato.data.catalog.base import DataSet, File, Folder, Record, catalog
from ostinato.data.catalog.reading import Measure, aligned, cells, counting, one, parsed, size, table
from ostinato.data.catalog.wfdb import BEATS, annotations, header, samples

YEARS = {"train": ("2010", "2011", "2012"), "valid": ("2013",), "test": ("2014",)}
BEIJING = ("No", "year", "month", "day", "hour", "pm2.5", "DEWP", "TEMP", "PRES", "cbwd", "Iws", "Is", "Ir")
ETTH = ("date", "HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
ETTH_ROWS = {"train": (0, 8640), "valid": (8640, 11520), "test": (11520, 14400), "rest": (14400, 17420)}
ECG = "https://raw.githubusercontent.com/MIT-LCP/wfdb-python/6850ad1aa0c1fcb2282b3625f767de98396cf740/sample-data"
ECG_SAMPLES = {"train": (0, 432_000), "valid": (432_000, 540_000), "test": (540_000, 650_000)}


def _beijing(folder: Folder, split: str) -> Iterator[Record]:
    name = "pollution.csv.gz"
    for number, fields in table(folder, name, BEIJING):
        if fields["year"] not in YEARS[split]:
            continue
        row: Record = dict(fields)
        for column in BEIJING:
            if column == "pm2.5" and row[column] == "NA":
                row[column] = None
            elif column != "cbwd":
                row[column] = parsed(folder, name, number, int if column in BEIJING[:5] else float, row[column])
        yield row


def _etth(folder: Folder, split: str) -> Iterator[Record]:
    first, last = ETTH_ROWS[split]
    for name in ("ETTh1", "ETTh2"):
        file = f"{name}.csv.gz"
        for number, fields in table(folder, file, ETTH):
            if first <= number - 2 < last:  # line 1 is the header
                values = {column: parsed(folder, file, number, float, fields[column]) for column in ETTH[1:]}
                yield {"table": name, "date": fields["date"]} | values


def _m4(folder: Folder, split: str) -> Iterator[Record]:
    names = ("Hourly-train.csv.gz", "Hourly-test.csv.gz")
    for number, (training, test) in aligned([cells(folder, name) for name in names], []):
        if number == 1:  # the header
            continue
        if training[:1] != test[:1] or not any(training[:1]):
            raise folder.wrong(names[0], number, f"the series is not the one of this line in {names[1]}")
        yield {
            "id": training[0],
            "train": _points(folder, names[0], number, training),
            "test": _points(folder, names[1], number, test),
        }


def _points(folder: Folder, name: str, number: int, fields: list[str]) -> list[float]:
    while fields[-1] == "":  # short series are padded
        fields = fields[:-1]
    return [parsed(folder, name, number, float, field) for field in fields[1:]]


def _ecg(folder: Folder, split: str) -> Iterator[Record]:
    rate, leads = header(folder)
    first, last = ECG_SAMPLES[split]
    beats, rhythms = [], []
    for sample, kind, text in annotations(folder):
        if first <= sample < last:
            if kind in BEATS:
                beats.append((sample - first, BEATS[kind]))
            else:
                rhythms.append((sample - first, text))
    yield {
        "samples": samples(folder)[first:last],
        "rate": rate,
        "leads": leads,
        "beats": beats,
        "rhythms": rhythms,
    }


def _beats(symbol: str) -> Measure:
    return lambda row: Counter(beat for _, beat in row["beats"])[symbol]


def _of(name: str) -> Measure:
    return lambda row: int(row["table"] == name)


catalog.add(
    DataSet(
        name="beijing_pm25",
        title="Beijing PM2.5: hourly air pollution and weather, 2010 to 2014",
        task="forecasting",
        licence="CC BY 4.0",
        attribution="Song Xi Chen; UCI Machine Learning Repository",
        cite="Liang et al., Assessing Beijing's PM2.5 pollution, Proceedings of the Royal Society A 471, 2015",
        row={
            "No": "number of the hour, from 1",
            **dict.fromkeys(BEIJING[1:5], "when it was"),
            "pm2.5": "micrograms in a cubic metre; None where missing",
            "DEWP": "dew point in °C",
            "TEMP": "temperature in °C",
            "PRES": "pressure in hPa",
            "cbwd": "direction of the wind: NW, NE, SE or cv (calm and variable)",
            "Iws": "cumulated wind speed in m/s",
            "Is": "cumulated hours of snow",
            "Ir": "cumulated hours of rain",
        },
        files=(
            File("pollution.csv.gz", 503541, "f05c813a792252d701ef765302e73bea5e78f7d0edc44cd3cece745313affed6"),
            File("pollution.names.txt.gz", 676, "4674ed9c0418948c9c67a3412c10b99dfbe0709de1e77af133036829269f98a7"),
        ),
        counts={
            "train": {"hours": 26304, "missing": 1886},
            "valid": {"hours": 8760, "missing": 82},
            "test": {"hours": 8760, "missing": 99},
        },
        read=_beijing,
        count=counting({"hours": one, "missing": lambda row: int(row["pm2.5"] is None)}),
        split_rule="2010 to 2012 train, 2013 validate, 2014 test",
    )
)

catalog.add(
    DataSet(
        name="etth",
        title="ETTh1 and ETTh2: hourly load and oil temperature of two electricity transformers, 2016 to 2018",
        task="forecasting",
        licence="CC BY-ND 4.0: to be passed on unchanged only",
        attribution="H. Zhou et al. (ETDataset)",
        cite="Zhou et al., Informer: Beyond Efficient Transformer for Long Sequence Time-Series Forecasting, AAAI 2021",
        row={
            "table": "ETTh1 or ETTh2, one after the other",
            "date": "the hour, such as 2016-07-01 00:00:00",
            "HUFL": "high useful load",
            "HULL": "high useless load",
            "MUFL": "middle useful load",
            "MULL": "middle useless load",
            "LUFL": "low useful load",
            "LULL": "low useless load",
            "OT": "oil temperature, which is to be forecast",
        },
        files=(
            File("ETTh1.csv.gz", 405601, "f1141f82f9d46968f05afa77ba16abfc4f790fe07583f9de06bb685b29a5411f"),
            File("ETTh2.csv.gz", 428678, "41040ff6a385d9208bd0b6ca58c062859e92c380d1778d93e11dd093768b579a"),
            File("LICENSE.txt.gz", 5490, "20ac55f3e325178708331eade93ffa143bd34481b81bbdfc97a2e432c53e014a"),
        ),
        counts={
            "train": {"ETTh1": 8640, "ETTh2": 8640},
            "valid": {"ETTh1": 2880, "ETTh2": 2880},
            "test": {"ETTh1": 2880, "ETTh2": 2880},
            "rest": {"ETTh1": 3020, "ETTh2": 3020},
        },
        read=_etth,
        count=counting({"ETTh1": _of("ETTh1"), "ETTh2": _of("ETTh2")}),
        split_rule="as in the Informer paper, of each table: hours 0 to 8639 train, to 11519 validate, to 14399 "
        "test; the rest is in no split there",
    )
)

catalog.add(
    DataSet(
        name="m4_hourly",
        title="M4 competition: 414 hourly series of all kinds, and the 48 hours after each",
        task="forecasting",
        licence="CC BY 4.0",
        attribution="S. Makridakis, E. Spiliotis, V. Assimakopoulos; Monash Time Series Forecasting Archive",
        cite="Makridakis, Spiliotis and Assimakopoulos, The M4 Competition, International Journal of Forecasting "
        "36, 2020",
        row={"id": "H1 to H414", "train": "list of numbers", "test": "list of the 48 that follow"},
        files=(
            File("Hourly-test.csv.gz", 35347, "d1c30a575419529c8150deb1a3c97b568feaec3bae4ce2caf5e12ea1f888a9cb"),
            File("Hourly-train.csv.gz", 517738, "ec441240485a611b7d26630f207b5afacc0a256ba7ef4c64ddc5216a4222b9d9"),
        ),
        counts={
            "train": {
                "series": 414,
                "training points": 353500,
                "test points": 19872,
                "shortest training part": 700,
                "longest training part": 960,
                "shortest test part": 48,
                "longest test part": 48,
            },
        },
        read=_m4,
        count=counting(
            {"series": one, "training points": size("train"), "test points": size("test")},
            ranges={"training part": size("train"), "test part": size("test")},
        ),
        split_rule="none by rows: each series has its own training and test part",
    )
)

catalog.add(
    DataSet(
        name="ecg_mitdb100",
        title="MIT-BIH Arrhythmia Database, record 100: half an hour of heartbeats in two leads",
        task="forecasting and detection of beats",
        licence="ODC-By 1.0",
        attribution="G. Moody, R. Mark; PhysioNet",
        cite="Moody and Mark, The impact of the MIT-BIH Arrhythmia Database, IEEE Engineering in Medicine and Biology "
        "20, 2001; Goldberger et al., PhysioNet, 2000",
        row={
            "samples": "int16 [T 2]; less 1024 and divided by 200 they are millivolts",
            "rate": "samples in a second",
            "leads": "their two names",
            "beats": "list of (sample, symbol), from the split's start: N normal, A atrial, V ventricular premature",
            "rhythms": "list of (sample, text) where the rhythm is noted",
        },
        files=(
            File("100.atr", 4558, "8d8a5349fb16638ebbf649f1779d12e96d91b736b2aafe59db43719ae583d471", f"{ECG}/100.atr"),
            File("100.dat.gz", 1151796, "5ba13047dd8d43d1de8d3b3b1d621b4f53ccb2de4a5a1a9bd6da811ff47c8b4b"),
            File("100.hea", 166, "95fbdda0454fffae1a2dab1a5ac53e924ae97691c028cdd3ee82f2446b73c066", f"{ECG}/100.hea"),
        ),
        counts={
            "train": {
                "samples": 432000,
                "beats": 1514,
                "normal": 1496,
                "atrial premature": 18,
                "ventricular premature": 0,
                "leads": 2,
            },
            "valid": {
                "samples": 108000,
                "beats": 369,
                "normal": 361,
                "atrial premature": 8,
                "ventricular premature": 0,
                "leads": 2,
            },
            "test": {
                "samples": 110000,
                "beats": 390,
                "normal": 382,
                "atrial premature": 7,
                "ventricular premature": 1,
                "leads": 2,
            },
        },
        read=_ecg,
        count=counting(
            {
                "samples": size("samples"),
                "beats": size("beats"),
                "normal": _beats("N"),
                "atrial premature": _beats("A"),
                "ventricular premature": _beats("V"),
            },
            {"leads": lambda row: row["leads"]},
        ),
        split_rule="the first 20 minutes train, the next 5 validate, the rest (5 minutes and 6 seconds) tests",
    )
)
