"""External VST3 plugins: found by path, set up from saved state and named parameters, run in steps of one size.

A plugin that takes mono only runs twice, once per channel.
"""

import base64
import binascii
import gc
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pedalboard

from plugin_host.effects.catalogue import Parameter, suggest_name
from plugin_host.effects.frame_buffers import Block, silence
from plugin_host.effects.native_code import contained
from plugin_host.effects.stages import STEP_FRAMES, StepProcess, settle
from plugin_host.errors import PluginError
from plugin_host.mix.chain_edit import plugin_paths
from plugin_host.mix.state import Effect

Plugin = Any
"""A `pedalboard.VST3Plugin`; pedalboard's type stubs lack its `parameters`."""

_PRESET_MAGIC = b"VST3"
_RAW_STATE_MAGIC = b"VC2!"
_AVOIDED: set[str] = set()
"""Plugins that this process must not load, by path: they would take it along, and no other than it can know."""
_FLUSH_FRAMES = 32 * STEP_FRAMES
"""A plugin takes over parameters and tells its latency while it processes, not when they are set."""


class ExternalPlugin:
    """A loaded plugin, ready for stereo. latency: frames it reports, by which its output is late.

    A reset clears its echoes and envelopes through the plugin's own reset; plugins differ in how much that clears.
    """

    def __init__(self, effect: Effect, rate: int) -> None:
        self._path = effect.plugin_path
        self._rate = float(rate)
        self._instances: list[Plugin] = []
        # Native code complains when an instance goes away: do that in the quiet, also at the end of the process.
        weakref.finalize(self, _release, self._instances)
        with contained():
            self._open_instance(effect)
            if not self._takes(2):
                self._open_instance(effect)
                if not self._takes(1):
                    raise PluginError(f"plugin {self._path} is neither stereo nor mono: choose another", "plugin_path")
            self.latency = 0
            self.start()

    @property
    def dual_mono(self) -> bool:
        """Whether the plugin is mono and runs once per channel."""
        return len(self._instances) == 2

    def start(self) -> StepProcess:
        """As if new; what it returns is late by `latency` frames and never short."""
        with contained():
            for instance in self._instances:
                instance.reset()
            self.latency = settle(self._process, STEP_FRAMES)
        return self._process

    def state(self) -> str:
        """The plugin's present settings as base64, for `Effect.plugin_state`."""
        plugin = self._instances[0]
        state = bytes(plugin.preset_data)
        with contained():
            try:
                plugin.preset_data = state
            except RuntimeError:
                # Some plugins refuse the very preset they gave; JUCE's own format works for them.
                state = bytes(plugin.raw_state)
        return base64.b64encode(state).decode("ascii")

    def parameters(self) -> tuple[Parameter, ...]:
        """The plugin's own parameters under the names `Effect.params` takes."""
        plugin = self._instances[0]
        return tuple(_describe(plugin, name, value) for name, value in plugin.parameters.items())

    def _takes(self, channels: int) -> bool:
        try:
            for instance in self._instances:
                instance.process(silence(_FLUSH_FRAMES)[:channels], self._rate, buffer_size=STEP_FRAMES, reset=False)
        except ValueError:
            return False
        return True

    def _open_instance(self, effect: Effect) -> None:
        plugin = load_plugin(effect)
        self._instances.append(plugin)
        _configure(plugin, effect)

    def _process(self, block: Block) -> Block:
        try:
            parts = np.split(block, len(self._instances))
            return np.concatenate(
                [
                    instance.process(part, self._rate, buffer_size=STEP_FRAMES, reset=False)
                    for instance, part in zip(self._instances, parts, strict=True)
                ]
            )
        except (RuntimeError, ValueError) as error:
            raise PluginError(f"plugin {self._path} failed while processing ({error}): bypass it") from error


def avoid(paths: Iterable[str]) -> None:
    """Never load these plugins in this process: they are refused, or passed by without being asked for latency."""
    _AVOIDED.update(paths)


def is_avoided(effect: Effect) -> bool:
    """Whether the effect is such a plugin, or has one in a branch."""
    return any(path in _AVOIDED for path in plugin_paths(effect))


def load_plugin(effect: Effect) -> Plugin:
    """The plugin at `effect.plugin_path`, `effect.plugin_name` of it where the file holds several.

    Raises `PluginError` naming the path: no such file, not a VST3, several plugins and no name, an instrument, or one
    to avoid.
    """
    path = Path(effect.plugin_path).expanduser()
    if is_avoided(effect):
        told = f"plugin {path} crashed the audio engine twice: choose another, or end and start play to try it again"
        raise PluginError(told, "plugin_path")
    if not path.exists():
        raise PluginError(f"plugin {path} is not there: install it, or pass it by with --allow-missing", "plugin_path")
    try:
        with contained():
            plugin = pedalboard.VST3Plugin(str(path), plugin_name=effect.plugin_name or None)
    except (ImportError, ValueError, RuntimeError) as error:
        names = _plugin_names(path)
        several = f"it holds {', '.join(names)}: name one" if names else "it is no VST3 plugin for this machine"
        raise PluginError(f"plugin {path} does not load: {several}", "plugin_path") from error
    if plugin.is_instrument:
        raise PluginError(f"plugin {path} is an instrument: a chain takes effects only", "plugin_path")
    return plugin


def _release(instances: list[Plugin]) -> None:
    with contained():
        instances.clear()
        # pedalboard's parameter objects refer back to their plugin, so only the collector lets go of it.
        gc.collect()


def _plugin_names(path: Path) -> list[str]:
    try:
        with contained():
            return list(pedalboard.VST3Plugin.get_plugin_names_for_file(str(path)))
    except (ImportError, ValueError, RuntimeError):
        return []


def _configure(plugin: Plugin, effect: Effect) -> None:
    if effect.plugin_state:
        _restore(plugin, effect)
    for name, value in effect.params.items():
        if name not in plugin.parameters:
            names = list(plugin.parameters)
            raise PluginError(f"{plugin.name}: no parameter {name!r}: {suggest_name(name, names)}", name)
        try:
            setattr(plugin, name, value)
        except (ValueError, TypeError) as error:
            raise PluginError(f"{plugin.name}: {error}", name) from error


def _restore(plugin: Plugin, effect: Effect) -> None:
    refused = PluginError(f"{plugin.name}: plugin_state is not of this plugin: save it again", "plugin_state")
    try:
        state = base64.b64decode(effect.plugin_state, validate=True)
        if state.startswith(_PRESET_MAGIC):
            plugin.preset_data = state
        elif state.startswith(_RAW_STATE_MAGIC):
            plugin.raw_state = state
        else:
            raise refused
    except (binascii.Error, RuntimeError) as error:
        raise refused from error


def _describe(plugin: Plugin, name: str, native: Any) -> Parameter:
    kind = {bool: "bool", str: "choice"}.get(native.type, "float")
    low, high, _ = native.range if kind == "float" else (None, None, None)
    choices = tuple(str(value) for value in native.valid_values) if kind == "choice" else ()
    unit = (native.label or "").strip()
    return Parameter(name, kind, getattr(plugin, name), low, high, unit, choices, native.name)
