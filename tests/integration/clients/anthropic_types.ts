// Names for what anthropic_test.mjs makes JSON Schemas of.
import type Anthropic from '@anthropic-ai/sdk';

export type Answer = Anthropic.Message;
export type AnswerEvent = Anthropic.RawMessageStreamEvent;
export type Count = Anthropic.MessageTokensCount;
export type ModelCard = Anthropic.ModelInfo;
