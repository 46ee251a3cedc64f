// What each kind of statement does, and the `loop` of a for statement.
#include "api/template/ast.h"
#include "api/template/builtins.h"
#include "api/template/interpreter.h"
#include "api/template/loop_object.h"
#include "api/template/python_text.h"

namespace puna::api::jinja {
namespace {

// The items of a loop that its `if` lets through.
std::shared_ptr<const ListObject> Filter(Interpreter& interpreter, const ForStatement& loop,
                                         std::shared_ptr<const ListObject> items) {
  if (loop.test == nullptr) return items;
  std::vector<Value> kept;
  for (const Value& item : items->items) {
    const Interpreter::ScopeGuard scope(interpreter);
    interpreter.Assign(loop.target, item);
    if (Truth(interpreter.Evaluate(*loop.test))) kept.push_back(item);
  }
  return Value::List(interpreter.meter(), std::move(kept)).shared_list();
}

Value LoopCycle(Interpreter&, const Value& self, const Arguments& arguments) {
  const auto& values = arguments.positional;
  if (values.empty()) Fail("no items for cycling given");
  return values[self.As<LoopObject>().index % values.size()];
}

Value LoopChanged(Interpreter& in, const Value& self, const Arguments& arguments) {
  std::string now = ReprBytes(in.meter(), Value::Tuple(in.meter(), arguments.positional));
  auto& last = self.As<LoopObject>().last_changed;
  const bool changed = last != now;
  last = std::move(now);
  return Value::Bool(changed);
}

}  // namespace

Value LoopAttribute(Meter* meter, const Value& value, std::string_view name) {
  const auto& loop = value.As<LoopObject>();
  const auto& items = loop.items->items;
  const auto index = static_cast<int64_t>(loop.index), size = static_cast<int64_t>(items.size());
  if (name == "index") return Value::Int(index + 1);
  if (name == "index0") return Value::Int(index);
  if (name == "first") return Value::Bool(index == 0);
  if (name == "last") return Value::Bool(index + 1 == size);
  if (name == "length") return Value::Int(size);
  if (name == "revindex") return Value::Int(size - index);
  if (name == "revindex0") return Value::Int(size - index - 1);
  if (name == "depth") return Value::Int(1);
  if (name == "depth0") return Value::Int(0);
  if (name == "previtem")
    return index > 0 ? items[loop.index - 1] : Value::Undefined(meter, "there is no previous item");
  if (name == "nextitem") {
    return index + 1 < size ? items[loop.index + 1] : Value::Undefined(meter, "there is no next item");
  }
  if (name == "cycle") return Value::Method(meter, value, LoopCycle);
  if (name == "changed") return Value::Method(meter, value, LoopChanged);
  return Value();
}

Value MacroAttribute(Meter* meter, const Value& value, std::string_view name) {
  if (name == "name") return Value::Trusted(meter, value.As<MacroObject>().definition->name);
  return Value();
}

Flow TextStatement::Execute(Interpreter& interpreter) const {
  interpreter.out().Append(text, true);
  return Flow::kNext;
}

Flow PrintStatement::Execute(Interpreter& interpreter) const {
  interpreter.Print(*value);
  return Flow::kNext;
}

Flow IfStatement::Execute(Interpreter& interpreter) const {
  for (const auto& [test, body] : branches) {
    if (Truth(interpreter.Evaluate(*test))) return interpreter.Execute(body);
  }
  return interpreter.Execute(otherwise);
}

Flow ForStatement::Execute(Interpreter& interpreter) const {
  auto loop = std::make_shared<LoopObject>(interpreter.meter());
  loop->charge.Set(sizeof(LoopObject));
  loop->items = Filter(interpreter, *this, Items(interpreter.meter(), interpreter.Evaluate(*iterable)));
  const size_t size = loop->items->items.size();
  const Value loop_value = Value::Of(Kind::kLoop, loop);
  for (size_t i = 0; i < size; ++i) {
    Spend(interpreter.meter(), 1);
    const Interpreter::ScopeGuard scope(interpreter);
    loop->index = i;
    interpreter.Assign(loop_symbol, loop_value);
    interpreter.Assign(target, loop->items->items[i]);
    if (interpreter.Execute(body) == Flow::kBreak) return Flow::kNext;
  }
  if (size > 0) return Flow::kNext;
  const Interpreter::ScopeGuard scope(interpreter);
  return interpreter.Execute(otherwise);
}

Flow SetStatement::Execute(Interpreter& interpreter) const {
  interpreter.Assign(target, interpreter.Evaluate(*value));
  return Flow::kNext;
}

Flow BlockStatement::Execute(Interpreter& interpreter) const {
  Value text;
  Flow flow = Flow::kNext;
  {
    const Interpreter::ScopeGuard scope(interpreter);
    Interpreter::Capture capture(interpreter);
    flow = interpreter.Execute(body);
    text = capture.Take();
  }
  if (flow != Flow::kNext) return flow;
  if (filtered != nullptr) {
    interpreter.set_block_text(text);
    text = interpreter.Evaluate(*filtered);
  }
  if (stores) {
    interpreter.Assign(target, text);
  } else {
    AppendStr(interpreter.out(), text);
  }
  return Flow::kNext;
}

Flow MacroStatement::Execute(Interpreter& interpreter) const {
  interpreter.Assign(symbol, interpreter.NewMacro(macro));
  return Flow::kNext;
}

Flow CallStatement::Execute(Interpreter& interpreter) const {
  const auto& expr = static_cast<const CallExpr&>(*call);
  const Value callee = interpreter.Evaluate(*expr.callee);
  Arguments arguments = interpreter.EvaluateArguments(expr.arguments);
  arguments.named.emplace_back("caller", interpreter.NewMacro(caller));
  AppendStr(interpreter.out(), interpreter.Call(callee, arguments));
  return Flow::kNext;
}

Flow WithStatement::Execute(Interpreter& interpreter) const {
  std::vector<Value> evaluated;  // all before the first is set: they see the names outside
  for (const auto& [target, expr] : values) evaluated.push_back(interpreter.Evaluate(*expr));
  const Interpreter::ScopeGuard scope(interpreter);
  for (size_t i = 0; i < values.size(); ++i) interpreter.Assign(values[i].first, evaluated[i]);
  return interpreter.Execute(body);
}

Flow LoopControlStatement::Execute(Interpreter&) const { return flow; }

}  // namespace puna::api::jinja
