"""Files of other tools, as they write them: what is right of each, what is left out, and when nothing is there."""

from __future__ import annotations

import base64
import io
import json
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest
from annotations import CELL, put, taken
from PIL import Image as Pillow
from places import Place
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi

from pdc.domain.errors import BadSetting
from pdc.domain.values import Box
from pdc.formats.registry import READERS, read
from pdc.formats.shapes.outlines import area

IMAGES = {"a.png": "red", "b.png": "blue"}
SQUARE = [[20, 30], [60, 30], [60, 70], [20, 70]]
DOTS = [(125, 65), (140, 130)]
LIKE_CELL = pytest.approx(CELL)


@pytest.fixture
def place(tmp_path: Path):
    place = Place(tmp_path / "home")
    yield place
    place.store.close()


def brought(place: Place, folder: Path, texts: dict[str, str | bytes], **options) -> tuple[dict, str]:
    """{image: {label: corners}} as stored, and the import's sentence; of a folder with a.png and b.png."""
    return taken(place, put(folder, texts, IMAGES), **options)


def outline_areas(place: Place) -> list[float]:
    marks = [m for r in place.store.current_reviews() for m in r.findings.marks if isinstance(m.shape, Box)]
    return [area(m.outline) for m in marks]


# CVAT for images


def a_cvat(*shapes: str, name: str = "a.png", more: str = "") -> str:
    image = f'<image id="0" name="{name}" width="200" height="160">{"".join(shapes)}</image>'
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version><meta/>{image}{more}</annotations>'


CVAT_BOX = '<box label="rbc" xtl="20.00" ytl="30.00" xbr="60.00" ybr="70.00" z_order="0"/>'
RLE = ", ".join(["0", *["40"] * 1, *["0, 40"] * 39])


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        (CVAT_BOX, 0),
        ('<box label="rbc" xtl="60" ytl="70" xbr="20" ybr="30"/>', 0),
        ('<box label="rbc" xtl="20" ytl="30" xbr="60" ybr="70" rotation="90.0"/>', 1600),
        ('<polygon label="rbc" points="20.0,30.0;60.0,30.0;60.0,70.0;20.0,70.0"/>', 1600),
        ('<ellipse label="rbc" cx="40" cy="50" rx="20" ry="20" rotation="30"/>', pytest.approx(math.pi * 400, rel=0.01)),
        (f'<mask label="rbc" rle="{RLE}" left="20" top="30" width="40" height="40"/>', 1600),
    ],
    ids=["box", "backwards", "turned", "polygon", "ellipse", "mask"],
)
def test_a_cvat_shape(place: Place, tmp_path: Path, shape: str, size: float):
    found, _ = brought(place, tmp_path, {"annotations.xml": a_cvat(shape)})
    assert found == {"a.png": {"rbc": [LIKE_CELL]}} and outline_areas(place) == [pytest.approx(size)]


def test_cvat_points_are_objects_each_and_stay_beside_a_box(place: Place, tmp_path: Path):
    points = '<points label="rbc" points="125.00,65.00;140.00,130.00"/>'
    found, said = brought(place, tmp_path, {"annotations.xml": a_cvat(CVAT_BOX, points)})
    assert found == {"a.png": {"rbc": [(40, 50), *DOTS]}} and "1 box size" in said


def test_a_cvat_image_without_shapes_says_nothing(place: Place, tmp_path: Path):
    more = '<image id="1" name="b.png" width="200" height="160"><tag label="blurred"/></image>'
    found, said = brought(place, tmp_path, {"annotations.xml": a_cvat(CVAT_BOX, more=more)})
    assert found == {"a.png": {"rbc": [CELL]}} and "1 image (b.png): nothing is drawn" in said


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ('<polyline label="rbc" points="1,2;3,4"/>', "a polyline is not read"),
        ('<cuboid label="rbc"/>', "a cuboid is not read"),
        ('<skeleton label="rbc"><points label="1" points="1,2"/></skeleton>', "a skeleton is not read"),
    ],
)
def test_a_cvat_shape_that_is_not_read_takes_its_label_out(place: Place, tmp_path: Path, shape: str, reason: str):
    found, said = brought(place, tmp_path, {"annotations.xml": a_cvat(CVAT_BOX, shape, CVAT_BOX.replace("rbc", "wbc"))})
    assert found == {"a.png": {"wbc": [CELL]}} and reason in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<annotations><track id='0'/></annotations>", "CVAT for video"),
        (a_cvat('<box label="rbc" xtl="x"/>'), "where a number should be"),
        (a_cvat('<mask label="rbc" rle="1,2" left="0" top="0" width="4" height="4"/>'), "do not fill"),
        (a_cvat('<polygon label="rbc" points="1,2;3,4"/>'), "fewer than three corners"),
        (a_cvat('<box xtl="1" ytl="1" xbr="2" ybr="2"/>'), "it has no label"),
        (a_cvat('<box label="rbc" xtl="900" ytl="1" xbr="920" ybr="2"/>'), "outside its image"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><annotations><image/></annotations>", "declares entities"),
    ],
)
def test_a_cvat_file_that_is_wrong_is_a_sentence(tmp_path: Path, text: str, words: str):
    with pytest.raises(BadSetting, match=words):
        read(put(tmp_path, {"annotations.xml": text}, IMAGES))


# labelme


def a_labelme(*shapes: dict, **more) -> str:
    about = {"version": "5.4.1", "flags": {}, "imagePath": "a.png", "imageData": None, "imageHeight": 160, "imageWidth": 200}
    return json.dumps({**about, "shapes": list(shapes), **more})


def a_form(kind: str, points: list, label: str = "cell", **more) -> dict:
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def a_png(mask: np.ndarray) -> str:
    out = io.BytesIO()
    Pillow.fromarray(mask.astype(np.uint8) * 255).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


@pytest.mark.parametrize(
    ("form", "size"),
    [
        (a_form("rectangle", [[60, 70], [20, 30]]), 0),
        (a_form("rectangle", [[20, 70], [60, 30]]), 0),
        (a_form("rectangle", SQUARE), 0),  # X-AnyLabeling
        (a_form("polygon", SQUARE), 1600),
        (a_form("rotation", SQUARE, direction=0.0), 1600),
        (a_form("circle", [[40, 50], [60, 50]]), pytest.approx(math.pi * 400, rel=0.01)),
        (a_form("mask", [[20, 30], [59, 69]], mask=a_png(np.ones((40, 40), bool))), 1600),
    ],
    ids=["rectangle", "other corners", "four corners", "polygon", "rotation", "circle", "mask"],
)
def test_a_labelme_shape(place: Place, tmp_path: Path, form: dict, size: float):
    found, _ = brought(place, tmp_path, {"a.json": a_labelme(form)})
    assert found == {"a.png": {"cell": [LIKE_CELL]}} and outline_areas(place) == [size]


def test_labelme_points_and_a_line(place: Place, tmp_path: Path):
    forms = [a_form("point", [[125, 65]]), a_form("point", [[140, 130]]), a_form("linestrip", SQUARE, "duct")]
    found, said = brought(place, tmp_path, {"a.json": a_labelme(*forms)})
    assert found == {"a.png": {"cell": DOTS}} and "1 object (duct in a.png): a linestrip is not read" in said


def test_a_labelme_file_without_shapes_says_none_and_a_picture_without_a_file_nothing(place: Place, tmp_path: Path):
    texts = {"a.json": a_labelme(a_form("polygon", SQUARE)), "b.json": a_labelme(imagePath="b.png")}
    put(tmp_path, {}, {"c.png": "lime"})
    assert brought(place, tmp_path, texts)[0] == {"a.png": {"cell": [CELL]}, "b.png": {"cell": []}}


def test_labelme_may_carry_its_image_and_name_it_as_windows_does(place: Place, tmp_path: Path):
    out = io.BytesIO()
    Pillow.new("RGB", (200, 160), "lime").save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    texts = {
        "x.json": a_labelme(a_form("polygon", SQUARE), imagePath="x.png", imageData=data),
        "json/b.json": a_labelme(a_form("polygon", SQUARE), imagePath="..\\b.png"),
    }
    assert brought(place, tmp_path, texts)[0] == {"x.png": {"cell": [CELL]}, "b.png": {"cell": [CELL]}}


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (a_form("polygon", [[1, 2]]), "fewer than three corners"),
        (a_form("polygon", "no list"), "no usable points"),
        (a_form("mask", [[20, 30], [59, 69]], mask="AAAA"), "a mask that is empty or no picture"),
        (a_form("polygon", SQUARE, ""), "it has no label"),
    ],
)
def test_a_labelme_file_that_is_wrong_is_a_sentence(tmp_path: Path, form: dict, words: str):
    with pytest.raises(BadSetting, match=words):
        read(put(tmp_path, {"a.json": a_labelme(form)}, IMAGES))


# QuPath


def a_feature(kind: str, coordinates: object, label: str | None = "Tumor", **more) -> dict:
    classified = {"classification": {"name": label, "color": [200, 0, 0]}} if label else {}
    about = {"objectType": "annotation", **classified, **more}
    return {"type": "Feature", "id": "0000-1", "geometry": {"type": kind, "coordinates": coordinates}, "properties": about}


RING = [*SQUARE, SQUARE[0]]
HOLE = [[30, 40], [50, 40], [50, 60], [30, 40]]


def collected(*features: dict) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


@pytest.mark.parametrize("text", [collected(f := a_feature("Polygon", [RING, HOLE])), json.dumps([f]), json.dumps(f)])
@pytest.mark.parametrize("name", ["a.geojson", "a.png.geojson", "a.json", "a.png - Series 1.geojson"])
def test_a_qupath_file_goes_by_the_name_of_its_image(place: Place, tmp_path: Path, text: str, name: str):
    assert brought(place, tmp_path, {name: text})[0] == {"a.png": {"Tumor": [CELL]}}
    assert outline_areas(place) == [1600]  # the hole is filled


def test_qupath_points_and_parts(place: Place, tmp_path: Path):
    parts = [[RING], [[[100, 40], [150, 40], [150, 90], [100, 90]]]]
    text = collected(
        a_feature("MultiPoint", [list(d) for d in DOTS], "Positive"),
        a_feature("MultiPolygon", parts),
        a_feature("LineString", SQUARE, "duct"),
        a_feature("Polygon", [RING], "nucleus", objectType="detection"),
    )
    found, said = brought(place, tmp_path, {"a.geojson": text})
    assert found == {"a.png": {"Positive": DOTS, "Tumor": [(20, 30, 150, 90)]}} and outline_areas(place) == [1600 + 2500]
    assert "a LineString is not read" in said and "(nucleus in a.png): it was found by QuPath itself" in said


def test_a_qupath_object_without_a_class_takes_its_image_out(place: Place, tmp_path: Path):
    unnamed = collected(a_feature("Polygon", [RING]), a_feature("Point", [3, 4], None))
    found, said = brought(
        place, tmp_path, {"a.geojson": unnamed, "b.geojson": collected(a_feature("Point", [3, 4], None, name="x"))}
    )
    assert found == {"b.png": {"x": [(3, 4)]}} and "1 object (a.png): it has no label" in said


def test_geojson_that_names_no_image_is_a_sentence(tmp_path: Path):
    with pytest.raises(BadSetting, match=r"list.json \(GeoJSON\) names no image, and no image is called like it"):
        read(put(tmp_path, {"list.json": json.dumps([a_feature("Polygon", [RING])])}, IMAGES) / "list.json")


# VIA


VIA_RECT = {"name": "rect", "x": 20, "y": 30, "width": 40, "height": 40}


def a_via(*shapes: dict, attributes: object = None, regions: object = None) -> dict:
    listed = [
        {"shape_attributes": s, "region_attributes": {"label": "cell"} if attributes is None else attributes} for s in shapes
    ]
    entry = {"filename": "a.png", "size": 123, "regions": listed if regions is None else regions, "file_attributes": {}}
    return {"a.png123": entry, "b.png5": {"filename": "b.png", "size": 5, "regions": [], "file_attributes": {}}}


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        (VIA_RECT, 0),
        ({"name": "polygon", "all_points_x": [20, 60, 60, 20], "all_points_y": [30, 30, 70, 70]}, 1600),
        ({"name": "circle", "cx": 40, "cy": 50, "r": 20}, pytest.approx(math.pi * 400, rel=0.01)),
        ({"name": "ellipse", "cx": 40, "cy": 50, "rx": 20, "ry": 20, "theta": 0.5}, pytest.approx(math.pi * 400, rel=0.01)),
    ],
    ids=lambda s: s["name"] if isinstance(s, dict) else "",
)
def test_a_via_region(place: Place, tmp_path: Path, shape: dict, size: float):
    found, said = brought(place, tmp_path, {"via.json": json.dumps({"_via_settings": {}, "_via_img_metadata": a_via(shape)})})
    assert found == {"a.png": {"cell": [LIKE_CELL]}} and outline_areas(place) == [size]
    assert "1 image (b.png): nothing is drawn" in said


@pytest.mark.parametrize(
    "attributes", [{"label": "cell"}, {"kind": "cell"}, {"Class": "cell", "note": "x"}, {"type": {"cell": True, "dog": False}}]
)
def test_the_attribute_of_a_via_region_that_says_what_it_is(place: Place, tmp_path: Path, attributes: dict):
    assert brought(place, tmp_path, {"via.json": json.dumps(a_via(VIA_RECT, attributes=attributes))})[0] == {
        "a.png": {"cell": [CELL]}
    }


@pytest.mark.parametrize("attributes", [{}, {"a": "x", "b": "y"}, {"type": {"cell": True, "dog": True}}])
def test_a_via_region_that_does_not_say_what_it_is(tmp_path: Path, attributes: dict):
    with pytest.raises(BadSetting, match="it has no label"):
        read(put(tmp_path, {"via.json": json.dumps(a_via(VIA_RECT, attributes=attributes))}, IMAGES))


def test_via_1_and_its_csv(place: Place, tmp_path: Path):
    old = a_via(regions={"0": {"shape_attributes": {"name": "point", "cx": 3, "cy": 4}, "region_attributes": {"label": "dot"}}})
    assert brought(place, tmp_path / "old", {"via.json": json.dumps(old)})[0] == {"a.png": {"dot": [(3, 4)]}}
    head = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    line = 'b.png,1,"{}",1,0,"' + json.dumps(VIA_RECT).replace('"', '""') + '","{""label"":""cell""}"'
    found, said = brought(place, tmp_path / "new", {"via.csv": f'{head}\n{line}\na.png,1,"{{}}",0,0,"{{}}","{{}}"\n'})
    assert found["b.png"] == {"cell": [CELL]} and "(a.png): nothing is drawn" in said


# ImageJ


def a_region(name: str, kind: ROI_TYPE = ROI_TYPE.POLYGON, points: list | None = None, **more) -> bytes:
    region = ImagejRoi.frompoints(SQUARE if points is None else points, name=name)
    region.roitype = kind
    for key, value in more.items():
        setattr(region, key, value)
    return region.tobytes()


def a_bare(name: str, kind: ROI_TYPE) -> bytes:
    return ImagejRoi(roitype=kind, options=ROI_OPTIONS(0), name=name, left=20, top=30, right=60, bottom=70, version=229).tobytes()


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.roi", data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("region", "size"),
    [
        (a_region("nucleus"), 1600),
        (a_region("nucleus-12", ROI_TYPE.FREEHAND), 1600),
        (a_region("nucleus 3", ROI_TYPE.TRACED), 1600),
        (a_bare("nucleus_1", ROI_TYPE.RECT), 0),
        (a_bare("nucleus#1", ROI_TYPE.OVAL), pytest.approx(math.pi * 400, rel=0.01)),
    ],
    ids=["polygon", "freehand", "traced", "rect", "oval"],
)
@pytest.mark.parametrize("name", ["a.roi", "a.zip", "a_RoiSet.zip", "RoiSet_a.zip"])
def test_an_imagej_region(place: Place, tmp_path: Path, region: bytes, size: float, name: str):
    texts = {name: region if name.endswith(".roi") else zipped(x=region)}
    assert brought(place, tmp_path, texts)[0] == {"a.png": {"nucleus": [CELL]}} and outline_areas(place) == [size]


@pytest.mark.parametrize(("name", "label"), [("CD8", "CD8"), ("CD8-3", "CD8"), ("red blood cell 12", "red blood cell")])
def test_a_number_that_belongs_to_a_regions_label_stays(tmp_path: Path, name: str, label: str):
    (picture,) = read(put(tmp_path, {"a.roi": a_region(name)}, IMAGES)).pictures
    assert [a.label for a in picture.asked] == [label]


def test_a_region_set_with_points_lines_and_another_slice(place: Place, tmp_path: Path):
    points = a_region("dot-1", ROI_TYPE.POINT, [list(d) for d in DOTS])
    line, second = a_region("duct", ROI_TYPE.POLYLINE), a_region("late", position=2)
    path = put(tmp_path, {"a.zip": zipped(a=points, b=line, c=second, d=a_region("nucleus-1"))}, IMAGES) / "a.zip"
    found, said = taken(place, path)
    assert found == {"a.png": {"dot": DOTS, "nucleus": [CELL]}}
    assert "a polyline is not read" in said and "(late in a.png): it is on another slice" in said


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"a.roi": a_region("0012-0034")}, "rename it in the ROI Manager"),
        ({"RoiSet.zip": zipped(a=a_region("nucleus"))}, r"RoiSet.zip \(ImageJ regions\) names no image"),
        ({"a.roi": a_region("nucleus")[:70]}, "damaged region"),
        ({"a.roi": a_region("nucleus", points=[[500, 500], [550, 500], [550, 560]])}, "outside its image"),
    ],
)
def test_regions_that_cannot_be_placed_are_a_sentence(tmp_path: Path, texts: dict, words: str):
    with pytest.raises(BadSetting, match=words):
        read(put(tmp_path, texts, IMAGES))


RESULTS = " ,Label,Area,Mean,X,Y,Ch,Slice,Counter,Class\n"


def test_imagejs_table_of_points_and_of_boxes(place: Place, tmp_path: Path):
    lines = "1,a.png,0,87,125,65,1,1,0,cell\n2,a.png:0001-0002,0,90,140,130,1,1,0,cell\n3,b.png,0,90,1,2,1,2,0,late\n"
    found, said = brought(place, tmp_path / "points", {"Results.csv": RESULTS + lines})
    assert found == {"a.png": {"cell": DOTS}} and "(late in b.png): it is on another slice" in said
    boxes = " \tLabel\tX\tY\tBX\tBY\tWidth\tHeight\tType\n1\tb.png\t40\t50\t20\t30\t40\t40\tcell\n"
    assert brought(place, tmp_path / "boxes", {"Results.csv": boxes})[0]["b.png"] == {"cell": [CELL]}


def test_imagejs_table_that_does_not_say_what_it_counts_is_a_sentence(tmp_path: Path):
    text = " ,Label,Area,Mean,X,Y,Ch,Slice,Counter\n1,a.png,0,87,40,50,1,1,0\n"
    with pytest.raises(BadSetting, match="does not say what its lines show; add a column Class"):
        read(put(tmp_path, {"Results.csv": text}, IMAGES))


# tables of other programs, and of spreadsheets


@pytest.mark.parametrize(
    "text",
    [
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,200,160,rbc,20,30,60,70\n",
        "a.png,20,30,60,70,rbc\nb.png,,,,,\n",
        "file;label;x1;y1;x2;y2\na.png;rbc;20,0;30;60;70\n",
        "sep=;\nfile;label;x1;y1;x2;y2\r\na.png;rbc;20;30;60,0;70\r\n",
        "File\tLabel\tx1\ty1\tx2\ty2\na.png\trbc\t20\t30\t60\t70\n",
        'image,label,x1,y1,x2,y2\n"a.png","rbc",20,30,60,70\n',
    ],
    ids=["tensorflow", "keras", "semicolon", "excel's own line", "tabs", "image"],
)
def test_a_table_of_another_program(place: Place, tmp_path: Path, text: str):
    found, _ = brought(place, tmp_path, {"marks.csv": text})
    assert found["a.png"] == {"rbc": [CELL]}
    assert found.get("b.png") == ({"rbc": []} if "b.png" in text else None)  # keras-retinanet's own way to say none


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_a_table_in_the_letters_of_a_spreadsheet(place: Place, tmp_path: Path, encoding: str):
    text = "file;label;x1;y1;x2;y2\r\na.png;Blutplättchen;20,5;30;60;70\r\n"
    found, _ = brought(place, tmp_path, {"marks.csv": text.encode(encoding)})
    assert found == {"a.png": {"Blutplättchen": [(20.5, 30, 60, 70)]}}


def test_a_number_with_points_for_thousands_is_a_sentence(tmp_path: Path):
    text = "file;label;x1;y1;x2;y2\na.png;rbc;1.020,5;30;60;70\n"
    with pytest.raises(BadSetting, match=r"'1.020,5' where a number should be"):
        read(put(tmp_path, {"marks.csv": text}, IMAGES))


# Hugging Face


def a_row(name: str, objects: object) -> str:
    return json.dumps({"file_name": name, "objects": objects}) + "\n"


@pytest.mark.parametrize(
    "objects",
    [
        {"bbox": [[20, 30, 40, 40]], "categories": ["cell"]},
        {"bbox": [[20, 30, 40, 40]], "category": ["cell"], "area": [1600]},
        [{"bbox": [20, 30, 40, 40], "label": "cell"}],
    ],
)
def test_an_image_folder_of_hugging_face(place: Place, tmp_path: Path, objects: object):
    rows = a_row("a.png", objects) + a_row("b.png", {"bbox": [], "categories": []})
    found, said = brought(place, tmp_path, {"metadata.jsonl": rows})
    assert found == {"a.png": {"cell": [CELL]}} and "(b.png): nothing is drawn" in said


def test_a_category_that_is_only_a_number_is_named(tmp_path: Path):
    with pytest.raises(BadSetting, match="its category is a number"):
        read(put(tmp_path, {"metadata.jsonl": a_row("a.png", {"bbox": [[1, 2, 3, 4]], "categories": [0]})}, IMAGES))


# all of them


SAMPLES = {
    "cvat": ("annotations.xml", a_cvat(CVAT_BOX)),
    "labelme": ("a.json", a_labelme(a_form("polygon", SQUARE))),
    "qupath": ("a.geojson", collected(a_feature("Polygon", [RING]))),
    "via": ("via.json", json.dumps(a_via(VIA_RECT))),
    "imagej": ("a.roi", a_region("nucleus")),
    "imagej-results": ("Results.csv", RESULTS + "1,a.png,0,87,125,65,1,1,0,cell\n"),
    "hugging-face": ("metadata.jsonl", a_row("a.png", {"bbox": [[1, 2, 3, 4]], "categories": ["cell"]})),
    "csv": ("marks.csv", "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,200,160,rbc,20,30,60,70\n"),
}


@pytest.mark.parametrize("format", SAMPLES)
def test_a_file_is_known_by_what_is_in_it_as_a_folder_a_file_and_a_zip(tmp_path: Path, format: str):
    name, text = SAMPLES[format]
    folder = put(tmp_path / "set", {name: text}, IMAGES)
    whole = tmp_path / "set.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
    for path in (folder, folder / name, whole):
        assert [Path(p.file).name for p in read(path).pictures] == ["a.png"]
    assert read(folder, format).pictures == read(folder).pictures and format in READERS


@pytest.mark.parametrize("format", SAMPLES)
def test_a_file_with_its_end_cut_off_is_a_sentence_or_a_smaller_set(tmp_path: Path, format: str):
    name, text = SAMPLES[format]
    data = text if isinstance(text, bytes) else text.encode()
    for share in (0.2, 0.5, 0.8, 0.95):
        folder = put(tmp_path / str(share), {name: data[: int(len(data) * share)]}, IMAGES)
        try:
            assert len(read(folder).pictures) <= 1
        except BadSetting as error:
            assert str(error)
