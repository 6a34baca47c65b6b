"""pycocotools, globox and Pillow load what we write of images."""

from __future__ import annotations

import contextlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from exported import Rows, export, question

FIELDS = {"image": "image"}
BOXES = question("things", "box", FIELDS, field="image", labels=["cat", "dog"], rotation=True)
STORED = {"blob": "ab" * 32, "type": "image/png", "width": 200, "height": 100}
CAT = {"x": 10, "y": 20, "width": 30, "height": 40, "label": "cat"}
DOG = {"x": 100, "y": 40, "width": 40, "height": 20, "label": "dog", "rotation": 90}
ROWS: Rows = [
    ({"image": STORED}, {"things": [CAT, DOG]}),
    (
        {"image": "https://example.org/a%20b/../c.jpg?x=1", "image_width": 50, "image_height": 60},
        {"things": []},
    ),
    ({"image": STORED}, {}),
    ({"image": "local/d.jpg"}, {"things": [CAT]}),
]


def coco(folder: Path) -> Any:
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(folder / "annotations.json"))


def test_pycocotools_reads_boxes_and_finds_them_right(tmp_path: Path) -> None:
    from pycocotools.cocoeval import COCOeval

    export("coco", [BOXES], ROWS, tmp_path)
    truth = coco(tmp_path)
    assert [(i["id"], i["file_name"], i["width"]) for i in truth.dataset["images"]] == [
        (1, f"{STORED['blob']}.png", 200),
        (2, "a b/c.jpg", 50),
        (3, "local/d.jpg", 0),
    ]
    assert truth.getAnnIds() == [1, 2, 3]  # from 1: COCOeval takes an id of 0 for no match
    assert [c["name"] for c in truth.loadCats(truth.getCatIds())] == ["cat", "dog"]
    cat, dog = truth.loadAnns([1, 2])
    assert (cat["bbox"], cat["area"]) == ([10, 20, 30, 40], 1200)
    assert (dog["bbox"], dog["attributes"]) == ([110, 30, 20, 40], {"rotation": 90})
    with contextlib.redirect_stdout(io.StringIO()):
        found = [{k: a[k] for k in ("image_id", "category_id", "bbox")} | {"score": 1.0} for a in (cat, dog)]
        found.append({"image_id": 3, "category_id": 1, "bbox": [10, 20, 30, 40], "score": 1.0})
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


def unpacked(folder: Path, name: str) -> Path:
    with tarfile.open(folder / name) as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_globox_reads_yolo(tmp_path: Path) -> None:
    from globox import AnnotationSet
    from PIL import Image

    export("yolo", [BOXES], ROWS[:2] + ROWS[3:], tmp_path)
    unpacked(tmp_path, "yolo.tar")
    labels = tmp_path / "labels" / "train"
    assert (labels / "a b" / "c.txt").read_text() == ""
    assert not (labels / "local").exists()  # of unknown size
    lines = (labels / f"{STORED['blob']}.txt").read_text().splitlines()
    assert lines[0] == "0 0.125000 0.400000 0.150000 0.400000"
    assert [round(float(x), 6) for x in lines[1].split()[1:5]] == [0.65, 0.3, 0.65, 0.7]  # its corners
    (labels / f"{STORED['blob']}.txt").write_text(lines[0] + "\n")
    (tmp_path / "images").mkdir()
    Image.new("RGB", (200, 100)).save(tmp_path / "images" / f"{STORED['blob']}.png")
    read = AnnotationSet.from_yolo_v5(labels, image_folder=tmp_path / "images", image_extension=".png")
    found = [(b.label, b.xmin, b.ymin, b.xmax, b.ymax) for b in read[f"{STORED['blob']}.png"].boxes]
    assert found == [("0", *map(pytest.approx, (10, 20, 40, 60)))]
    assert '  0: "cat"\n  1: "dog"\n' in (tmp_path / "data.yaml").read_text()


def test_globox_reads_voc(tmp_path: Path) -> None:
    from globox import AnnotationSet

    export("voc", [BOXES], ROWS, tmp_path)
    unpacked(tmp_path, "voc.tar")
    read = AnnotationSet.from_pascal_voc(tmp_path / "Annotations")
    image = read[f"{STORED['blob']}.png"]
    found = {(b.label, b.xmin, b.ymin, b.xmax, b.ymax) for b in image.boxes}
    assert found == {("cat", 11, 21, 40, 60), ("dog", 111, 31, 130, 70)}
    assert (image.image_width, image.image_height) == (200, 100)


def test_datumaro_has_items_with_annotations(tmp_path: Path) -> None:
    export("datumaro", [BOXES, question("fine", "choice", choices=["yes", "no"])], ROWS, tmp_path)
    made = json.loads((tmp_path / "default.json").read_text())
    first = made["items"][0]
    assert first["image"] == {"path": f"{STORED['blob']}.png", "size": [100, 200]}
    assert [a["bbox"] for a in first["annotations"]] == [[10, 20, 30, 40], [100, 40, 40, 20]]
    names = [label["name"] for label in made["categories"]["label"]["labels"]]
    assert names == ["cat", "dog", "yes", "no"]


SHAPES = [
    question("outline", "polygon", FIELDS, field="image", labels=["roof"]),
    question("area", "mask", FIELDS, field="image", labels=["road", "sky"]),
    question("body", "keypoint", FIELDS, field="image", labels=["nose", "eye"]),
]
SMALL = {"blob": "cd" * 32, "type": "image/png", "width": 4, "height": 3}
RING = [[0, 0], [4, 0], [4, 3]]
ROAD = {"label": "road", "width": 4, "height": 3, "runs": [0, 2, 2, 2, 6]}  # a square at the top left
SKY = {"label": "sky", "width": 4, "height": 3, "runs": [11, 1]}
SHAPED: Rows = [
    (
        {"image": SMALL},
        {
            "outline": [{"points": RING, "label": "roof"}],
            "area": [ROAD, SKY],
            "body": [{"x": 1, "y": 2, "label": "eye", "visible": False}, {"x": 3, "y": 0, "label": "nose"}],
        },
    )
]


def test_pycocotools_reads_polygons_masks_and_points(tmp_path: Path) -> None:
    export("coco", SHAPES, SHAPED, tmp_path)
    truth = coco(tmp_path)
    names = {c["id"]: c["name"] for c in truth.dataset["categories"]}
    found = {names[a["category_id"]]: a for a in truth.dataset["annotations"]}
    assert sorted(found) == ["body", "road", "roof", "sky"]
    assert (found["roof"]["segmentation"], found["roof"]["area"]) == ([[0, 0, 4, 0, 4, 3]], 6)
    assert truth.annToMask(found["road"]).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert (found["road"]["bbox"], found["road"]["area"]) == ([0, 0, 2, 2], 4)
    assert (found["sky"]["bbox"], truth.annToMask(found["sky"])[2].tolist()) == ([3, 2, 1, 1], [0, 0, 0, 1])
    assert (found["body"]["keypoints"], found["body"]["num_keypoints"]) == ([3, 0, 2, 1, 2, 1], 2)
    (category,) = truth.loadCats(found["body"]["category_id"])
    assert category["keypoints"] == ["nose", "eye"]


def test_pillow_reads_indexed_masks(tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    export("masks", SHAPES, SHAPED, tmp_path)
    unpacked(tmp_path, "masks.tar")
    with Image.open(tmp_path / "masks" / f"{SMALL['blob']}.png") as image:
        assert (image.mode, image.size) == ("P", (4, 3))
        assert np.asarray(image).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 2]]
        assert image.getpalette()[3:6] == [128, 0, 0]
    assert (tmp_path / "classes.txt").read_text() == "background\nroad\nsky\n"


def test_polygons_in_yolo_are_their_corners(tmp_path: Path) -> None:
    export("yolo", SHAPES, SHAPED, tmp_path)
    unpacked(tmp_path, "yolo.tar")
    line = (tmp_path / "labels" / "train" / f"{SMALL['blob']}.txt").read_text()
    assert line == "0 0.000000 0.000000 1.000000 0.000000 1.000000 1.000000\n"


def test_datumaro_packs_masks_as_pycocotools_does(tmp_path: Path) -> None:
    from pycocotools import mask

    export("datumaro", SHAPES, SHAPED, tmp_path)
    annotations = json.loads((tmp_path / "default.json").read_text())["items"][0]["annotations"]
    packed = [a["rle"] for a in annotations if a["type"] == "mask"]
    assert [mask.decode(one).tolist()[0] for one in packed] == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert [mask.area(one) for one in packed] == [4, 1]
    assert [a["type"] for a in annotations] == ["polygon", "mask", "mask", "points", "points"]


def test_two_tasks_with_one_image_keep_a_file_each(tmp_path: Path) -> None:
    export("voc", [BOXES], [ROWS[0], ROWS[0]], tmp_path)
    with tarfile.open(tmp_path / "voc.tar") as archive:
        names = archive.getnames()
    assert names == [f"Annotations/{STORED['blob']}.xml", f"Annotations/{STORED['blob']}-2.xml"]
