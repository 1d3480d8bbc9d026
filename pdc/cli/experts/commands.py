"""`pdc experts add`, `list`, `on`, `off` and `remove`: detectors beside the model, for labels of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pdc.cli.entry import DONE, account_name
from pdc.cli.options import spelled_out
from pdc.domain.errors import BadSetting

if TYPE_CHECKING:
    from pdc.inference.experts.own import NewExpert

app = typer.Typer(help="Detectors beside the model: added, measured, and asked for labels of their own.")
# The names that pdc.inference.experts.onnx_layouts knows, here so that help needs no array; a test compares them.
Layout = Literal["yolo", "yolov5", "yolo-nms", "detr", "boxes"]
Kind = Literal["onnx", "ultralytics", "stardist", "cellpose"]
ExpertName = Annotated[str, typer.Argument(metavar="NAME", help="An expert of `experts list`.")]
By = Annotated[str, typer.Option("--author", help="Who does it.", default_factory=account_name)]
MEASURE = "Measure it: python -m finetune expert measure {name}. It answers once it is better than what answers now."
SIDE = 640


@dataclass(frozen=True, slots=True)
class AddOptions:
    """Which file, how its outputs are read, and what it is asked."""

    file: Annotated[Path, typer.Argument(help="The detector: an ONNX file, or one of a library that --kind names.")]
    kind: Annotated[Kind | None, typer.Option(help="Whose file it is (default: ultralytics for .pt, else onnx).")] = None
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            "--label",
            metavar="LABELS",
            help="Of each class in the outputs' order, with commas between them or an option each; - leaves one out "
            "(default: the names in the file).",
        ),
    ] = None
    output: Annotated[Layout, typer.Option(help="How the file writes its boxes.")] = "yolo"
    name: Annotated[str | None, typer.Option(help="What the expert is called (default: the file's name).")] = None
    mode: Annotated[Literal["instead", "beside"], typer.Option(help="Asked instead of the model, or beside it.")] = "instead"
    threshold: Annotated[float, typer.Option(metavar="SCORE", help="Marks below it are doubtful and do not count.")] = 0.25
    least: Annotated[float, typer.Option(metavar="SCORE", help="Marks below it are not shown.")] = 0.1
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Side of the input, where the file leaves it open.")] = SIDE
    stretch: Annotated[bool, typer.Option("--stretch", help="Stretch the image to the input instead of framing it in grey.")] = (
        False
    )
    imagenet: Annotated[bool, typer.Option("--imagenet", help="Colours less ImageNet's mean, over its spread.")] = False


def add(options: AddOptions) -> int:
    """Add a detector; it answers nothing before it is measured, or switched on by hand."""
    from pdc.inference.experts import onnx_expert, segmenting_expert, ultralytics_expert
    from pdc.inference.experts.own import add_expert
    from pdc.settings import Settings

    new, home = _new(options), Settings.from_env().home
    file_name, try_out = {
        "onnx": (onnx_expert.WEIGHTS, onnx_expert.load_onnx),
        "ultralytics": (ultralytics_expert.WEIGHTS, ultralytics_expert.load_ultralytics),
        "stardist": (segmenting_expert.STARDIST_FILE, segmenting_expert.load_stardist),
        "cellpose": (segmenting_expert.CELLPOSE_FILE, segmenting_expert.load_cellpose),
    }[new.kind]
    add_expert(new, home, file_name, try_out)
    print(f"{new.name} is added for {', '.join(n for n in new.classes if n != '-')}. {MEASURE.format(name=new.name)}")
    return DONE


def _new(options: AddOptions) -> NewExpert:
    from pdc.inference.experts import onnx_expert, ultralytics_expert
    from pdc.inference.experts.base import Mode
    from pdc.inference.experts.onnx_expert import LETTERBOX, STRETCH
    from pdc.inference.experts.own import NOBODYS, NewExpert

    if not 0 < options.least <= options.threshold <= 1:
        raise BadSetting("--least and --threshold are scores above 0 up to 1, --least the lower one.")
    if not options.file.is_file():
        raise BadSetting("There is no file {path}; check the path.", path=options.file)
    given = [label.strip() for some in options.labels or () for label in some.split(",")]
    kind = options.kind or ("ultralytics" if options.file.suffix == ".pt" else "onnx")
    named = {"ultralytics": ultralytics_expert.names_in, "onnx": onnx_expert.names_in}
    classes = given or (named[kind](options.file) if kind in named else [])
    if not classes:
        raise BadSetting("The file does not name its classes; give --labels in the order of its outputs.")
    resize = STRETCH if options.stretch or options.output == "detr" else LETTERBOX
    look = {"output": options.output, "size": options.size, "resize": resize, "normalise": options.imagenet}
    manifest: dict[str, Any] = {"mode": Mode(options.mode), "least": options.least, "pixels": options.size**2, "options": look}
    manifest["thresholds"] = {label: options.threshold for label in classes if label != NOBODYS}
    return NewExpert(options.file, kind, options.name or options.file.stem, classes, manifest)


def list_experts() -> int:
    """Every expert that was added, whether it answers, and why."""
    from pdc.inference.experts.base import ExpertManifest
    from pdc.inference.experts.own import own_folders, standing
    from pdc.settings import Settings

    folders = own_folders(Settings.from_env().home)
    for folder in folders:
        manifest, state = ExpertManifest.read(folder), standing(folder)
        labels, mode = ", ".join(manifest.labels), f"{manifest.mode} the model"
        print(f"{folder.name} ({'on' if state.on else 'off'}): {labels}, {mode}. {state.why}")
    if not folders:
        print("No expert was added; `python -m pdc experts add FILE.onnx --labels ...` adds one.")
    return DONE


def switch_on(
    name: ExpertName, author: By, reason: Annotated[str, typer.Option(help="Why, though it was not measured to gain.")] = ""
) -> int:
    """Let an expert answer whatever was measured; the reason is kept."""
    if not reason.strip():
        raise BadSetting("Say with --reason why it is to answer; `python -m finetune expert measure` decides by numbers.")
    _decide(name, True, author, reason)
    print(f"{name} answers from the next question on; an app that was started before it was added has to be started again.")
    return DONE


def switch_off(name: ExpertName, author: By, reason: Annotated[str, typer.Option(help="Why.")] = "switched off by hand") -> int:
    """Let the model answer in place of an expert."""
    _decide(name, False, author, reason)
    print(f"{name} answers no more.")
    return DONE


def remove(name: ExpertName) -> int:
    """Take an expert out of use; its files stay in a hidden folder beside the others."""
    from pdc.inference.experts.own import own_folder, remove_expert
    from pdc.settings import Settings

    remove_expert(own_folder(Settings.from_env().home, name))
    print(f"{name} is removed; its files were kept.")
    return DONE


def _decide(name: str, on: bool, by: str, why: str) -> None:
    from pdc.inference.experts.own import decide, own_folder
    from pdc.settings import Settings

    decide(own_folder(Settings.from_env().home, name), on, by, why)


app.command("add")(spelled_out(add))
app.command("list")(list_experts)
app.command("on")(switch_on)
app.command("off")(switch_off)
app.command("remove")(remove)
